"""The messages to and about invited people: each renders, says what to do, and is one line on top.

Names come from applicants: whatever is in them stays text.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from requests_app.notifications import invitations, messages
from requests_app.notifications.outbox import as_email

pytestmark = pytest.mark.django_db

HOSTILE = "Bo <b>Larus</b>\r\nBcc: x@pier.example {{ 7*7 }}"
URL = "https://portal.example/sign/secret/"
PDF = messages.Attachment("A-1.pdf", b"%PDF-1.7", "application/pdf")


def invited(**changes: Any) -> invitations.Invited:
    return invitations.Invited(
        **{
            "to": "ada@pier.example",
            "full_name": HOSTILE,
            "role": "member",
            "applicant_name": HOSTILE,
            "institution": "Pier University",
            "dataset_title": "Gulls",
            "research_title": "Moods <i>of</i> gulls",
            "contact": "anna@pier.example",
            "trail": "access_request:1",
        }
        | changes  # type: ignore[typeddict-item]
    )


def letter(**changes: Any) -> messages.Letter:
    return messages.Letter(
        **{
            "to": "wei@pier.example",
            "full_name": "Wei",
            "dataset_title": "Gulls",
            "research_title": "Moods of gulls",
            "reason": "Too <b>kind</b>.\nTo gulls.",
            "path": "/requests/1/",
            "trail": "access_request:1",
        }
        | changes  # type: ignore[typeddict-item]
    )


def asked(**changes: Any):
    facts = {"reminder": False, "anew": False} | changes
    until = datetime(2030, 1, 31, 9, 30, tzinfo=UTC)
    return invitations.signing_invitation(**invited(), url=URL, expires_at=until, **facts)


EVERY = {
    "invited": (asked, [URL, "31 January 2030, 09:30 UTC", "anna@pier.example"]),
    "reminded": (lambda: asked(reminder=True), [URL, "your signature is still missing"]),
    "anew": (lambda: asked(anew=True), ["a new version", "Until then nothing changes"]),
    "code": (
        lambda: invitations.signing_code(
            **invited(), code="012345", valid_for=timedelta(minutes=15)
        ),
        ["012345", "15 minutes"],
    ),
    "closed": (
        lambda: invitations.invitation_closed(**invited(), why="They stopped.", signed=False),
        ["They stopped.", "does not open"],
    ),
    "closed after signing": (
        lambda: invitations.invitation_closed(**invited(), why="They stopped.", signed=True),
        ["has no effect"],
    ),
    "copy": (
        lambda: invitations.agreement_cosigned(
            **invited(), number="A-1", pdf=PDF, to_be_decided=True
        ),
        ["A-1", "/verify/A-1", "a maintainer reads the request"],
    ),
    "countersigned copy": (
        lambda: invitations.agreement_cosigned(
            **invited(), number="A-1", pdf=PDF, to_be_decided=False, countersigned=True
        ),
        ["the lab has countersigned"],
    ),
    "left": (
        lambda: invitations.member_removed(**invited(), reason="A new job."),
        ["A new job.", "delete every copy"],
    ),
    "refused": (
        lambda: invitations.signature_refused(**letter(), signatory_name=HOSTILE, role="member"),
        ["does not agree", "remove this person", "/requests/1/"],
    ),
    "refused for the institution": (
        lambda: invitations.signature_refused(
            **letter(), signatory_name=HOSTILE, role="institution"
        ),
        ["name another person who may sign"],
    ),
    "holder told": (
        lambda: invitations.member_removed_notice(
            **letter(), signatory_name=HOSTILE, by_holder=False, to_maintainer=False
        ),
        ["An approver removed them", "a new link is on its way"],
    ),
    "maintainer told": (
        lambda: invitations.member_removed_notice(
            **letter(), signatory_name=HOSTILE, by_holder=True, to_maintainer=True
        ),
        ["The holder of the grant removed them", "maintain Gulls"],
    ),
}


@pytest.mark.parametrize("case", EVERY)
def test_each_message_says_what_it_is_for(case):
    send, needed = EVERY[case]
    message = send()
    email = as_email(message)
    markup = str(email.alternatives[0][0])
    for words in needed:
        assert words in str(email.body)
        assert words in markup or "countersigned" in case
    assert "\n" not in message.subject
    assert not {"<b>", "<i>"} & {part for part in ("<b>", "<i>") if part in markup}
    assert "49" not in markup.partition("</style>")[2]


def test_whoever_signed_gets_the_document():
    message = invitations.agreement_cosigned(**invited(), number="A-1", pdf=PDF, to_be_decided=True)
    (attached,) = as_email(message).attachments
    assert (attached.filename, attached.content) == ("A-1.pdf", PDF.content)
