import pytest

from requests_app.agreements.answers import PLACEHOLDERS
from requests_app.agreements.texts import FOLDER
from requests_app.agreements.wording import PLACEHOLDER, read_wording
from requests_app.errors import Invalid
from tests.factories.agreements import TEXT

FILES = sorted(FOLDER.glob("*.md"))


def with_body(body: str) -> str:
    return "+++".join(TEXT.split("+++")[:2]) + f"+++\n{body}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_text_that_ships_can_be_filled_in(path):
    wording = read_wording(path.read_text(encoding="utf-8"))
    assert wording.title
    assert len(wording.affirmations) >= 5


def test_the_cmed_text_binds_to_what_protects_children():
    text = (FOLDER / "cmed-daa-1.md").read_text(encoding="utf-8")
    assert 2500 <= len(text.split("+++")[2].split()) <= 3600
    for promise in (
        "No redistribution",
        "No re-identification",
        "No contact",
        "No linkage",
        "Recognisable without the prior written permission",
        "remote services of artificial intelligence",
        "within **72 hours**",
        "Within **30 days**",
        "written statement",
        "simple electronic signature",
        "never the signature of the Applicant",
        "legal counsel of the Data Provider",
    ):
        assert promise in text
    assert set(PLACEHOLDER.findall(text.split("+++")[2])) == set(PLACEHOLDERS)


def test_clauses_hang_by_their_numbers():
    html = read_wording(TEXT).html
    assert '<p class="clause"><span class="number">1.1</span> [[applicant_name]]' in html
    assert '<p class="subclause"><span class="number">(a)</span> but not' in html
    assert '<h2 class="schedule">Schedule 1</h2>' in html


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("[[salary]]", "unknown placeholder, \\[\\[salary\\]\\]"),
        ("[[Purpose]]", "not a placeholder"),
        ("[[purpose]", "not a placeholder"),
        ("Because [[purpose]]", "paragraph of its own"),
        ("- [[named_people]]\n- more", "paragraph of its own"),
    ],
)
def test_a_placeholder_that_cannot_be_filled_is_refused(body, sentence):
    with pytest.raises(Invalid, match=sentence):
        read_wording(with_body(body))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("+++\ntitle", "title", "must begin with TOML"),
        ('title = "Gull Agreement"', "title =", "not TOML"),
        ('title = "Gull Agreement"', 'title = " "', "lacks “title”"),
        ("electronic_consent", "consent", "lacks “electronic_consent”"),
        ('key = "kind"', 'key = "read"', "same key"),
        ('key = "kind"', 'key = "Be kind"', "lower-case letters"),
        ("[[affirmations]]", "[[promises]]", "no affirmations"),
    ],
)
def test_front_matter_that_lacks_something_is_refused(old, new, sentence):
    with pytest.raises(Invalid, match=sentence):
        read_wording(TEXT.replace(old, new))


def test_the_text_holds_no_markup_of_its_own_and_no_links():
    html = read_wording(with_body("<b>x</b> [y](https://z.example) ![i](file:///etc/hosts)")).html
    assert html.strip() == (
        "<p>&lt;b&gt;x&lt;/b&gt; [y](https://z.example) ![i](file:///etc/hosts)</p>"
    )
