import pytest

from requests_app.agreements.answers import PLACEHOLDERS, shown_digest
from requests_app.errors import Invalid
from tests.factories.agreements import some_answers


@pytest.mark.parametrize("value", ["Ada\r\nBcc: x@y.example", "Ada\nLarus", "Ada\x00", "A\u202eda"])
def test_a_name_that_could_forge_something_is_refused_with_a_sentence(value):
    with pytest.raises(Invalid, match="full name of the applicant: ") as refusal:
        some_answers(applicant_name=value)
    assert list(refusal.value.fields) == ["applicant_name"]


@pytest.mark.parametrize("value", ["a\x00b", "a\x1bb", "a\x85b", "\ud800", "a\ufffeb"])
def test_a_text_with_control_characters_is_refused_with_a_sentence(value):
    with pytest.raises(Invalid) as refusal:
        some_answers(purpose=value)
    assert list(refusal.value.fields) == ["purpose"]


def test_scripts_keep_the_marks_they_are_written_with():
    persian = "می\u200cخواهم"
    assert some_answers(purpose=persian)["purpose"] == persian
    assert some_answers(applicant_name="Łukasz Żółć")["applicant_name"] == "Łukasz Żółć"


def test_line_ends_and_composed_letters_have_one_spelling():
    assert some_answers(purpose="a\r\nb\rc")["purpose"] == "a\nb\nc"
    assert some_answers(applicant_name="Zoe\u0308") == some_answers(applicant_name="Zoë")


def test_an_answer_of_endless_lines_is_refused_with_a_sentence():
    assert some_answers(ethics="a\n" * 1001)
    with pytest.raises(Invalid, match="take out empty lines"):
        some_answers(ethics="a\n" * 1100 + "b")


def test_twenty_thousand_characters_are_accepted():
    assert len(some_answers(purpose="x" * 20_000)["purpose"]) == 20_000


def test_answers_and_placeholders_must_match():
    with pytest.raises(KeyError, match="salary"):
        some_answers(salary="1")


@pytest.mark.parametrize("name", sorted(PLACEHOLDERS))
def test_a_change_of_any_answer_changes_what_was_shown(name):
    changed = {"named_people": [{"name": "Bo"}], "compliance": ["Other."]}.get(name, "Other")
    before, after = some_answers(), some_answers(**{name: changed})
    same_text = "0" * 64
    assert shown_digest(text_sha256=same_text, answers=before) != shown_digest(
        text_sha256=same_text, answers=after
    )


def test_another_text_changes_what_was_shown():
    answers = some_answers()
    assert shown_digest(text_sha256="0" * 64, answers=answers) != shown_digest(
        text_sha256="1" * 64, answers=answers
    )
