"""What tells of a decision carries the log's latest checkpoint, to be kept elsewhere."""

import pytest
from lxml import html

from requests_app.audit import checkpoints, kinds, log, outsider
from requests_app.notifications import messages
from requests_app.notifications.outbox import as_email

pytestmark = pytest.mark.django_db

LETTER = messages.Letter(
    to="ada@pier.example",
    full_name="Ada Larus",
    dataset_title="Gulls",
    research_title="Moods of gulls",
    reason="Because.",
    path="/requests/1/",
    trail="access_request:1",
)
DECISIONS = {
    "approved": lambda: messages.request_approved(**LETTER, days=365),
    "returned": lambda: messages.request_returned(**LETTER),
    "rejected": lambda: messages.request_rejected(**LETTER),
    "suspended": lambda: messages.grant_suspended(**LETTER),
    "revoked": lambda: messages.grant_revoked(**LETTER),
    "countersigned": lambda: messages.agreement_countersigned(
        to="ada@pier.example",
        full_name="Ada Larus",
        dataset_title="Gulls",
        number="GULLS-DAA-2026-000001",
        pdf=messages.Attachment("a.pdf", b"%PDF-", "application/pdf"),
        trail="access_request:1",
    ),
}


def bodies(message) -> tuple[str, html.HtmlElement]:
    email = as_email(message)
    return email.body, html.fromstring(email.alternatives[0].content)


@pytest.mark.parametrize("decision", DECISIONS)
def test_it_carries_the_latest_checkpoint_that_can_be_copied_and_verified(decision):
    for _ in range(2):
        log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")
        latest = checkpoints.seal()
    text, page = bodies(DECISIONS[decision]())
    key = outsider.parse_key(latest.vkey)
    [shown] = page.xpath("//pre")
    for copied in (shown.text, text[text.index(latest.note) :].partition("\n-- \n")[0]):
        note = copied.strip() + "\n"
        assert note == latest.note
        assert outsider.open_note(note, key).size == 2
    for where in ("/log/checkpoint", "/log/verify.py"):
        assert f"http://127.0.0.1:8000{where}" in text
        assert page.xpath(f"//a[@href='http://127.0.0.1:8000{where}']")


@pytest.mark.parametrize("decision", DECISIONS)
def test_before_the_first_checkpoint_it_says_nothing_of_the_log(decision):
    text, page = bodies(DECISIONS[decision]())
    assert "checkpoint" not in text
    assert not page.xpath("//pre")
