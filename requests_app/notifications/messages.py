"""Every message the portal sends: one function each, all through the outbox."""

from datetime import datetime, timedelta

from requests_app.notifications.models import Message
from requests_app.notifications.outbox import Attachment, post

__all__ = ["Attachment", "Message", "post"]


def download_link(
    *,
    to: str,
    full_name: str,
    dataset_title: str,
    url: str,
    requests_url: str,
    expires_at: datetime,
    grant_ends_at: datetime,
    trail: str,
) -> Message:
    """To the holder of a grant: where to fetch the dataset, and until when. `url` is a secret."""
    context = {
        "full_name": full_name,
        "dataset_title": dataset_title,
        "url": url,
        "requests_url": requests_url,
        "expires_at": expires_at,
        "grant_ends_at": grant_ends_at,
    }
    return post(name="download_link", to=to, context=context, trail=trail)


def verification_code(*, to: str, code: str, valid_for: timedelta, signup: bool) -> Message:
    """To whoever typed the address: the code that proves it is theirs."""
    context = {"email": to, "code": code, "minutes": _minutes(valid_for), "signup": signup}
    return post(name="verification_code", to=to, context=context)


def account_exists(*, to: str) -> Message:
    """To a mailbox that has an account, when somebody tries to sign up with it again."""
    return post(name="account_exists", to=to, context={"email": to})


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
