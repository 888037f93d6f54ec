"""The messages to those who are invited to sign an agreement, and about them.

Like those of `messages`: one function each, all through the outbox.
"""

from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from requests_app.notifications.messages import Letter
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import Attachment, post


class Invited(TypedDict):
    """What every message to an invited person needs.

    `role` is "member" (uses the data) or "institution" (signs for it); `contact` is the dataset's
    address, for whoever doubts that the message is meant for them.
    """

    to: str
    full_name: str
    role: str
    applicant_name: str
    institution: str
    dataset_title: str
    research_title: str
    contact: str
    trail: str


def signing_invitation(
    *, url: str, expires_at: datetime, reminder: bool, anew: bool, **invited: Unpack[Invited]
) -> Message:
    """To an invited person: read the agreement and sign it, or say no. `url` is a secret.

    `anew` says that a new version is signed under a grant that runs already.
    """
    return _to_invited(
        "signing_invitation", invited, url=url, expires_at=expires_at, reminder=reminder, anew=anew
    )


def signing_code(*, code: str, valid_for: timedelta, **invited: Unpack[Invited]) -> Message:
    """To an invited person at the moment of signing: the code that shows the mailbox is theirs."""
    minutes = int(valid_for.total_seconds() // 60)
    return _to_invited("signing_code", invited, code=code, minutes=minutes)


def invitation_closed(*, why: str, signed: bool, **invited: Unpack[Invited]) -> Message:
    """To an invited person who is not asked any more: removed, or the signing was stopped.

    `why` is a whole sentence; `signed` says whether they had signed already.
    """
    return _to_invited("invitation_closed", invited, why=why, signed=signed)


def agreement_cosigned(
    *,
    number: str,
    pdf: Attachment,
    to_be_decided: bool,
    in_force: bool = False,
    countersigned: bool = False,
    **invited: Unpack[Invited],
) -> Message:
    """To an invited person who signed: their copy of the agreement `number`, sealed.

    `countersigned` is for the copy that the lab has countersigned; `in_force` is true for a
    new version under a grant, which waits for nobody; neither it nor `to_be_decided` when the
    request ended before the copy was made.
    """
    context = {
        **invited,
        "number": number,
        "to_be_decided": to_be_decided,
        "in_force": in_force,
        "countersigned": countersigned,
    }
    return post(
        name="agreement_cosigned",
        to=invited["to"],
        context=context,
        attachments=[pdf],
        trail=invited["trail"],
    )


def member_removed(*, reason: str, **invited: Unpack[Invited]) -> Message:
    """To a member of a running grant who is not one any more: delete your copies."""
    return _to_invited("member_removed", invited, reason=reason)


def signature_refused(*, signatory_name: str, role: str, **letter: Unpack[Letter]) -> Message:
    """To the applicant: an invited person does not sign, and why (`reason`)."""
    return _about_signatory("signature_refused", letter, signatory_name, role)


def member_removed_notice(
    *,
    signatory_name: str,
    by_holder: bool,
    to_maintainer: bool,
    tokens: int = 0,
    **letter: Unpack[Letter],
) -> Message:
    """To the holder or a maintainer: somebody is no longer a member of the grant, and why.

    `path` leads the reader to the request; the holder gets a new link in a message of its own,
    and learns how many access tokens were revoked.
    """
    return _about_signatory(
        "member_removed_notice",
        letter,
        signatory_name,
        "member",
        by_holder=by_holder,
        to_maintainer=to_maintainer,
        tokens=tokens,
    )


def _to_invited(name: str, invited: Invited, **more: object) -> Message:
    context = {**invited, **more}
    return post(name=name, to=invited["to"], context=context, trail=invited["trail"])


def _about_signatory(
    name: str, letter: Letter, signatory_name: str, role: str, **more: object
) -> Message:
    context = {**letter, "signatory_name": signatory_name, "role": role, **more}
    return post(name=name, to=letter["to"], context=context, trail=letter["trail"])
