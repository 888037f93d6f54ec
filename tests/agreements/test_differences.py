from hypothesis import given
from hypothesis import strategies as st

from requests_app.agreements.differences import Change, compare
from tests.factories.agreements import text_source

words = st.lists(st.sampled_from(["gulls", "may", "not", "be", "fed", "1.1"]), min_size=1).map(
    " ".join
)
texts = st.lists(words, max_size=6).map("\n\n".join)


def told(old: str, new: str) -> list[str]:
    return [passage.change.value for passage in compare(old, new)]


def one_change(old: str, new: str) -> list[tuple[str, str]]:
    (passage,) = [each for each in compare(old, new) if each.change is not Change.SAME]
    return [(part.change.value, part.text) for part in passage.parts]


def test_a_changed_clause_is_one_passage_with_its_words_marked():
    assert one_change(text_source(), text_source("shall admire")) == [
        ("same", "1.1 [[applicant_name]] of [[institution]] "),
        ("removed", "may"),
        ("added", "shall"),
        ("same", " "),
        ("removed", "look at"),
        ("added", "admire"),
        ("same", " *gulls* for [[term_days]] days."),
    ]


def test_an_affirmation_is_compared_like_a_clause():
    old = text_source()
    new = old.replace("kind to gulls", "kind to hungry gulls")
    assert [text for change, text in one_change(old, new) if change == "added"] == ["hungry "]


def test_what_is_new_or_gone_is_whole():
    assert told("One gull.\n\nTwo terns.", "One gull.\n\nA pier stands here.\n\nTwo terns.") == [
        "same", "added", "same",
    ]  # fmt: skip
    assert told("One gull.\n\nA pier stands here.", "One gull.") == ["same", "removed"]
    assert told("All of this was about gulls.", "Nothing like it.") == ["added", "removed"]


@given(texts, texts)
def test_both_versions_can_be_read_from_the_differences(old, new):
    """Nothing is lost: the passages hold each text whole, in its order of words or paragraphs."""
    passages = compare(old, new)
    kept = [
        "".join(part.text for part in passage.parts if part.change is not Change.REMOVED)
        for passage in passages
        if passage.change is not Change.REMOVED
    ]
    was = [
        "".join(part.text for part in passage.parts if part.change is not Change.ADDED)
        for passage in passages
        if passage.change is not Change.ADDED
    ]
    assert "\n\n".join(kept) == new
    assert sorted(was) == sorted(old.split("\n\n") if old else [])


@given(texts)
def test_a_text_does_not_differ_from_itself(text):
    assert {passage.change for passage in compare(text, text)} <= {Change.SAME}
