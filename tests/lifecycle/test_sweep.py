"""What was lost on the way to the queue is found, and done once."""

import json

import pytest
from django.core import mail
from django.core.management import call_command

from requests_app.agreements import documents
from requests_app.agreements.models import AgreementDocument
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.models import DownloadLink
from requests_app.lifecycle import sweep
from requests_app.lifecycle.tasks import sweep as sweep_task
from requests_app.notifications.models import Message
from requests_app.review.decisions import approve
from tests.factories.agreements import signed_agreement
from tests.factories.requests import approver
from tests.factories.review import submitted

pytestmark = pytest.mark.django_db

FOUND = {
    "agreements": 1,
    "documents to sign": 0,
    "countersignatures": 1,
    "links": 1,
    "reconsents": 0,
    "new versions": 0,
    "signings of grants that ended": 0,
    "messages": 1,
    "manifests": 0,
    "witnesses": 0,
    "log mailboxes": 0,
    "transfers": 0,
}


@pytest.fixture
def lost(monkeypatch):
    """A signature, a grant and messages whose tasks never reached the queue: no commit ran them."""
    # The document of the request to decide is a blank page, not the agreement.
    monkeypatch.setattr(documents, "require_sound", lambda *document, **meant: None)
    signed_agreement()
    decide = submitted(dataset__slug="terns")
    approve(
        access_request_id=decide.pk,
        agreement_id=decide.agreements.get().pk,
        by=approver(decide.dataset),
        reason="Sound.",
    )


@pytest.mark.usefixtures("lost")
def test_the_sweep_finds_each_kind_of_lost_work_and_does_it_once(
    django_capture_on_commit_callbacks,
):
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep.sweep() == FOUND
    done = _done()
    assert done == (3, 1, Message.objects.count(), Message.objects.count())
    with django_capture_on_commit_callbacks(execute=True):
        sweep_task()
    assert _done() == done


@pytest.mark.usefixtures("lost")
def test_work_queued_twice_is_done_once(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        sweep.sweep()
        sweep.sweep()
    assert _done() == (3, 1, Message.objects.count(), Message.objects.count())


@pytest.mark.usefixtures("lost")
def test_the_command_says_what_it_queued(capsys):
    call_command("sweep", "--json")
    assert json.loads(capsys.readouterr().out) == FOUND
    call_command("sweep")
    assert (
        "agreements 1, documents to sign 0, countersignatures 1, links 1, reconsents 0, "
        "new versions 0, signings of grants that ended 0, messages 1" in capsys.readouterr().out
    )


def _done() -> tuple[int, int, int, int]:
    """How many documents, links, e-mails and "sent" entries there are."""
    sent = Entry.objects.filter(kind=kinds.MESSAGE_SENT).count()
    documents, links = AgreementDocument.objects.count(), DownloadLink.objects.count()
    return documents, links, len(mail.outbox), sent
