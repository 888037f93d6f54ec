"""Two deeds at once that touch the same rows: one waits for the other, and neither is broken off.

At its commit PostgreSQL looks up, and holds, every row that a new row refers to.
"""

import time
from collections.abc import Callable
from threading import Thread

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test import RequestFactory

from requests_app.agreements.signing import sign
from requests_app.audit import kinds, log
from requests_app.distribution.journal import journal
from requests_app.distribution.transfers import How, Transfer
from requests_app.errors import Conflict
from requests_app.identity.models import User
from requests_app.lifecycle.forgetting import forget
from requests_app.lifecycle.leaving import members, remove_member
from requests_app.requests import drafts
from requests_app.requests.states import State
from tests.factories.agreements import ready_request, signature
from tests.factories.cosigning import grant_of_all
from tests.factories.distribution import make_access_token
from tests.factories.requests import UserFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


@pytest.fixture(autouse=True)
def _nothing_queued(monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)


def side_by_side(first: Callable[[], object], second: Callable[[], object]) -> list[Exception]:
    """`second` begins before `first` commits, and gets as far as it may; returns what it raised."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            second()
        except Exception as error:  # noqa: BLE001 - told to the test
            raised.append(error)
        finally:
            connection.close()

    thread = Thread(target=work)
    with transaction.atomic():
        first()
        thread.start()
        deadline = time.monotonic() + 20
        while thread.is_alive() and not _is_waited_for() and time.monotonic() < deadline:
            time.sleep(0.01)
    thread.join(timeout=30)
    assert not thread.is_alive()
    return raised


def _is_waited_for() -> bool:
    blocked = (
        "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({blocked})")
        return bool(cursor.fetchone()[0])


def test_an_applicant_starts_a_request_and_signs_another():
    access_request = ready_request(revision=1)
    by = access_request.applicant
    raised = side_by_side(
        lambda: drafts.start(dataset=access_request.dataset, by=by),
        lambda: sign(**signature(access_request)),
    )
    assert not raised
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED


def test_an_applicant_signs_and_is_to_be_forgotten():
    access_request = ready_request()
    by = access_request.applicant
    raised = side_by_side(
        lambda: sign(**signature(access_request)),
        lambda: forget(user_id=by.pk, by=log.OPERATOR, reason="Asked to be."),
    )
    assert [type(each) for each in raised] == [Conflict]
    by.refresh_from_db()
    assert by.pseudonymised_at is None


def test_a_member_is_removed_while_the_holder_fetches_with_a_token():
    grant = grant_of_all("Bea Sterna")
    token, _ = make_access_token(grant)
    [bea] = members(grant.access_request)
    transfer = Transfer(
        grant=grant,
        access_token=token,
        kind=kinds.FILE_DOWNLOADED,
        release="1.0",
        name="clips/001.mp4",
        digest="0" * 64,
        status=200,
        promised=100,
        how=How.PORTAL,
    )
    raised = side_by_side(
        lambda: journal().begin(transfer),
        lambda: remove_member(signatory_id=bea.pk, by=grant.applicant, reason="Left."),
    )
    assert not raised
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_two_accounts_confirm_one_mailbox():
    first, second = (
        EmailAddress(user=UserFactory(), email="ada@monash.edu", verified=False) for _ in range(2)
    )
    first.save()
    second.save()
    raised = side_by_side(lambda: confirm(first), lambda: confirm(second))
    assert not raised
    assert User.objects.filter(email="ada@monash.edu").get() == first.user
    assert EmailAddress.objects.get(verified=True) == first


def confirm(address: EmailAddress) -> bool:
    request = RequestFactory().get("/")
    request.user, request.session = address.user, SessionStore()
    request._messages = FallbackStorage(request)
    with request_context(request):
        return bool(get_adapter(request).confirm_email(request, address))
