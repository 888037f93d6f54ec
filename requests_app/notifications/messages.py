"""Every message the portal sends: one function each, all through the outbox."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from requests_app.audit import checkpoints
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import Attachment, post

__all__ = ["Attachment", "Letter", "Message", "post"]


def download_link(
    *,
    to: str,
    full_name: str,
    dataset_title: str,
    url: str,
    path: str,
    expires_at: datetime,
    grant_ends_at: datetime,
    trail: str,
) -> Message:
    """To the holder of a grant: where to fetch the dataset, and until when.

    `url` is a secret; `path` leads to the request, from the root.
    """
    context = {
        "full_name": full_name,
        "dataset_title": dataset_title,
        "url": url,
        "path": path,
        "expires_at": expires_at,
        "grant_ends_at": grant_ends_at,
    }
    return post(name="download_link", to=to, context=context, trail=trail)


def verification_code(*, to: str, code: str, valid_for: timedelta, signup: bool) -> Message:
    """To whoever typed the address: the code that proves it is theirs."""
    context = {"email": to, "code": code, "minutes": _minutes(valid_for), "signup": signup}
    return post(name="verification_code", to=to, context=context)


def account_exists(*, to: str, signs_in_as: str) -> Message:
    """To a mailbox that has an account, when somebody tries to sign up with it again.

    `signs_in_as` is the account's spelling of the address: without it, the owner of a mailbox for
    which somebody else signed up with a plus-tag could not set a password of their own.
    """
    context = {"email": to, "signs_in_as": signs_in_as}
    return post(name="account_exists", to=to, context=context)


def unknown_account(*, to: str) -> Message:
    """To an address without account, when somebody asks for a new password for it."""
    return post(name="unknown_account", to=to, context={"email": to})


def password_reset_code(*, to: str, code: str, valid_for: timedelta) -> Message:
    """To the holder of an account: the code that lets them set a new password."""
    context = {"email": to, "code": code, "minutes": _minutes(valid_for)}
    return post(name="password_reset_code", to=to, context=context)


def password_changed(*, to: str, at: datetime) -> Message:
    """To the holder of an account, after its password changed."""
    return post(name="password_changed", to=to, context={"email": to, "at": at})


def email_changed(*, to: str, new_email: str, at: datetime) -> Message:
    """To the address an account had, after it was replaced by `new_email`."""
    context = {"email": to, "new_email": new_email, "at": at}
    return post(name="email_changed", to=to, context=context)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


class Letter(TypedDict):
    """What every message about one request needs. `path` leads to the request, from the root."""

    to: str
    full_name: str
    dataset_title: str
    research_title: str
    reason: str
    path: str
    trail: str


def request_approved(*, days: int, **letter: Unpack[Letter]) -> Message:
    """To the applicant: approved, and why. The link follows in a message of its own."""
    return _decided("request_approved", letter, days=days)


def request_returned(**letter: Unpack[Letter]) -> Message:
    """To the applicant: what to change before signing again."""
    return _decided("request_returned", letter)


def request_rejected(**letter: Unpack[Letter]) -> Message:
    """To the applicant: not approved, and why."""
    return _decided("request_rejected", letter)


def request_withdrawn(*, had_access: bool, **letter: Unpack[Letter]) -> Message:
    """To the applicant, as a receipt; `reason` may be empty."""
    return _about_request("request_withdrawn", letter, had_access=had_access)


def request_withdrawn_notice(
    *, applicant_name: str, institution: str, had_access: bool, **letter: Unpack[Letter]
) -> Message:
    """To a maintainer: an applicant has withdrawn. `path` leads to the review page."""
    return _about_request(
        "request_withdrawn_notice",
        letter,
        applicant_name=applicant_name,
        institution=institution,
        had_access=had_access,
    )


def agreement_declined(*, why: str, contact: str, **letter: Unpack[Letter]) -> Message:
    """To the applicant, as a receipt. `why` is the sentence chosen; `reason` may be empty.

    `contact` is the dataset's address, for a paper process.
    """
    return _about_request("agreement_declined", letter, why=why, contact=contact)


def agreement_declined_notice(
    *, applicant_name: str, institution: str, why: str, **letter: Unpack[Letter]
) -> Message:
    """To a maintainer who had the request before them. `path` leads to the review page."""
    return _about_request(
        "agreement_declined_notice",
        letter,
        applicant_name=applicant_name,
        institution=institution,
        why=why,
    )


def reconsent_asked(*, deadline: datetime, reminder: bool, **letter: Unpack[Letter]) -> Message:
    """To the holder of a grant: sign the new version by `deadline`. `path` leads to signing it."""
    return _about_request("reconsent_asked", letter, deadline=deadline, reminder=reminder)


def grant_suspended(**letter: Unpack[Letter]) -> Message:
    """To the holder of a grant: suspended until they sign; `path` leads to signing."""
    return _decided("grant_suspended", letter)


def signing_ended(*, number: str, **letter: Unpack[Letter]) -> Message:
    """To the holder of a grant that ran out while others had yet to sign the new version."""
    return _about_request("signing_ended", letter, number=number)


def grant_revoked(**letter: Unpack[Letter]) -> Message:
    """To the holder of a grant: it has ended, why, and what the agreement asks of them now."""
    return _decided("grant_revoked", letter)


def _decided(name: str, letter: Letter, **more: object) -> Message:
    """What tells of a decision carries the log's latest checkpoint: kept in a mailbox elsewhere."""
    return _about_request(name, letter, checkpoint=checkpoints.latest_note(), **more)


def _about_request(name: str, letter: Letter, **more: object) -> Message:
    context = {**letter, **more}
    return post(name=name, to=letter["to"], context=context, trail=letter["trail"])


def agreement_signed(
    *,
    to: str,
    full_name: str,
    dataset_title: str,
    number: str,
    request_url: str,
    pdf: Attachment,
    trail: str,
    to_be_decided: bool = True,
    in_force: bool = False,
    together: bool = False,
) -> Message:
    """To the applicant: their copy of the agreement `number`, and what happens next.

    `in_force` is true for a new version under a grant, which waits for nobody; neither it nor
    `to_be_decided` when the request ended before the copy was made. `together` says that others
    signed as well, the last of them just now.
    """
    context = {
        "full_name": full_name,
        "dataset_title": dataset_title,
        "number": number,
        "request_url": request_url,
        "to_be_decided": to_be_decided,
        "in_force": in_force,
        "together": together,
    }
    return post(name="agreement_signed", to=to, context=context, attachments=[pdf], trail=trail)


def document_issued(
    *, to: str, full_name: str, dataset_title: str, number: str, url: str, anew: bool, trail: str
) -> Message:
    """To an applicant who signs with an own certificate: the PDF of `number` waits at `url`.

    `anew` says that a new version is signed under a grant that runs already.
    """
    context = {
        "full_name": full_name,
        "dataset_title": dataset_title,
        "number": number,
        "url": url,
        "anew": anew,
    }
    return post(name="document_issued", to=to, context=context, trail=trail)


def agreement_countersigned(
    *,
    to: str,
    full_name: str,
    dataset_title: str,
    number: str,
    pdf: Attachment,
    trail: str,
) -> Message:
    """To the applicant: the copy of the agreement `number` that the lab has countersigned."""
    context = {
        "full_name": full_name,
        "dataset_title": dataset_title,
        "number": number,
        "checkpoint": checkpoints.latest_note(),
    }
    return post(
        name="agreement_countersigned", to=to, context=context, attachments=[pdf], trail=trail
    )


def request_submitted(
    *,
    to: str,
    answers: Mapping[str, Any],
    number: str,
    signed_at: datetime,
    review_url: str,
    pdf: Attachment,
    trail: str,
) -> Message:
    """To a maintainer: a request was signed and waits for a decision; with its agreement.

    `answers` are the agreement's values, by placeholder.
    """
    context = {
        "answers": answers,
        "number": number,
        "signed_at": signed_at,
        "review_url": review_url,
    }
    return post(name="request_submitted", to=to, context=context, attachments=[pdf], trail=trail)


def log_checkpoint(*, to: str, checkpoint: str, size: int, vkey: str) -> Message:
    """To a mailbox outside of the lab: the audit log's latest checkpoint, to be kept there."""
    context = {"checkpoint": checkpoint, "size": size, "vkey": vkey}
    return post(name="log_checkpoint", to=to, context=context)
