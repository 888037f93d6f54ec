"""Documents that cannot be made."""

import errno
import logging
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from celery import current_app
from django.utils import timezone

from requests_app.agreements import documents, gathering, unsealed
from requests_app.agreements.documents import countersign_document, render_document, waiting
from requests_app.agreements.failures import failing
from requests_app.agreements.models import AgreementDocument, FailedDocument
from requests_app.agreements.retrying import try_to_countersign, try_to_issue, try_to_render
from requests_app.agreements.signing import sign
from requests_app.distribution.countersigning import countersign
from requests_app.distribution.countersigning import waiting as to_countersign
from requests_app.errors import Misconfigured, NotFound
from requests_app.lifecycle.reconsent import sign_anew
from requests_app.lifecycle.sweep import sweep
from requests_app.requests.states import State
from tests.factories.agreements import ready_request, signature, signed_agreement
from tests.factories.distribution import GrantFactory
from tests.factories.reconsents import campaign_for, long_standing
from tests.factories.review import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def broken_key(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.conf.seal_key_file", lambda: tmp_path / "gone.pem")
    yield monkeypatch
    monkeypatch.undo()


def test_it_is_tried_after_ever_longer_pauses_and_an_operator_is_told_once(broken_key, caplog):
    agreement, now = signed_agreement(), timezone.now()
    pauses = []
    for _ in range(4):
        with time_machine.travel(now, tick=False):
            assert waiting().get() == agreement
            assert try_to_render(agreement_id=agreement.pk) is None
            assert not waiting().exists()
            following = FailedDocument.objects.get().not_before
        pauses.append((following - now).total_seconds() / 60)
        now = following
    assert pauses == [1, 2, 4, 8]
    levels = [record.levelno for record in caplog.records if agreement.number in record.message]
    assert levels == [logging.ERROR, *[logging.WARNING] * 3]
    assert failing().get().last_error.startswith("Misconfigured: ")

    broken_key.undo()
    with time_machine.travel(now, tick=False):
        assert waiting().get() == agreement
    assert try_to_render(agreement_id=agreement.pk).size > 0
    assert not failing().exists()


def test_the_pause_does_not_grow_without_end(broken_key):
    agreement = signed_agreement()
    FailedDocument.objects.create(agreement=agreement, attempts=500)
    try_to_render(agreement_id=agreement.pk)
    pause = FailedDocument.objects.get().not_before - timezone.now()
    assert timedelta(hours=17) < pause < timedelta(hours=18)


def test_one_that_fails_does_not_hold_up_others(broken_key):
    agreement, other = signed_agreement(), signed_agreement()
    try_to_render(agreement_id=agreement.pk)
    assert waiting().get() == other


def test_what_does_not_exist_is_not_tried_again():
    with pytest.raises(NotFound):
        try_to_render(agreement_id="00000000-0000-0000-0000-000000000000")
    assert not FailedDocument.objects.exists()


@pytest.fixture
def break_down(monkeypatch):
    """Call it, and nothing can be rendered or sealed; `undo` mends it."""

    def refuse(document):
        raise OSError(errno.ENOSPC, "No space left on device")

    def now():
        monkeypatch.setattr(unsealed, "render_pdf", refuse)
        monkeypatch.setattr("requests_app.conf.seal_key_file", lambda: Path("/nowhere/seal.pem"))
        return monkeypatch

    return now


def chosen():
    """An agreement whose applicant chose to sign with a certificate."""
    return sign(**signature(ready_request(), own_certificate=True))


def granted():
    """A sealed agreement with a grant, which is to be countersigned."""
    agreement = signed_agreement()
    render_document(agreement_id=agreement.pk)
    put(agreement.access_request, State.APPROVED)
    GrantFactory(agreement=agreement)
    return agreement


@pytest.mark.parametrize(
    ("make", "work", "attempt"),
    [
        (signed_agreement, "agreements", try_to_render),
        (chosen, "documents to sign", try_to_issue),
        (granted, "countersignatures", try_to_countersign),
    ],
)
def test_every_kind_of_document_pauses_and_the_sweep_leaves_it_alone_meanwhile(
    make, work, attempt, break_down
):
    agreement = make()
    broken = break_down()
    assert sweep()[work] == 1
    assert attempt(agreement_id=agreement.pk) is None
    assert sweep()[work] == 0
    assert failing().get().agreement == agreement
    broken.undo()
    with time_machine.travel(failing().get().not_before, tick=False):
        assert sweep()[work] == 1
    assert attempt(agreement_id=agreement.pk) is not None
    assert not failing().exists()


def test_the_tasks_of_issuing_and_countersigning_pause(break_down):
    to_issue, to_countersign = chosen(), granted()
    break_down()
    with pytest.raises(Misconfigured):
        countersign_document(agreement_id=to_countersign.pk)
    assert not failing().exists()
    current_app.tasks["agreements.issue_document"](agreement_id=str(to_issue.pk))
    assert countersign(grant_id=to_countersign.grant.pk) is None
    assert {each.kind for each in failing()} == {"issued", "countersigned"}


def test_what_nobody_waits_for_any_more_is_not_said_to_fail():
    agreement = chosen()
    FailedDocument.objects.create(agreement=agreement, kind="issued", attempts=3)
    assert failing().exists()
    gathering.stop_collecting(access_request_id=agreement.access_request_id, by=agreement.signer)
    assert not failing().exists()


def signed_again(grant):
    """The agreement of a newer version that the grant stands on now, sealed."""
    campaign_for(grant)
    given = signature(grant.access_request)
    del given["access_request_id"]
    agreement = sign_anew(grant_id=grant.pk, **given)
    render_document(agreement_id=agreement.pk)
    return agreement


def test_a_countersignature_is_owed_although_the_grant_moved_on_and_is_said_to_fail(break_down):
    agreement = granted()
    grant = long_standing(agreement.grant)
    newer = signed_again(grant)
    broken = break_down()
    assert countersign(grant_id=grant.pk) is None
    assert {each.agreement for each in failing()} == {agreement, newer}
    broken.undo()
    assert countersign(grant_id=grant.pk) is None, "they pause"
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert countersign(grant_id=grant.pk).agreement == newer
    assert not failing().exists()


def test_a_countersignature_that_is_found_unsound_pauses_and_holds_up_no_other(monkeypatch):
    agreement = granted()
    grant = long_standing(agreement.grant)
    newer = signed_again(grant)
    ours, another = (bytes(each.document.content) for each in (agreement, newer))
    honest = documents.seal_pdf

    def seal_another(content, *rest):
        return honest(another if content == ours else content, *rest)

    monkeypatch.setattr(documents, "seal_pdf", seal_another)
    assert countersign(grant_id=grant.pk).agreement == newer
    assert failing().get().agreement == agreement
    assert failing().get().last_error.startswith("Unsound: ")
    assert not to_countersign().exists()
    assert agreement.documents.get().kind == AgreementDocument.Kind.SEALED
    monkeypatch.undo()
    with time_machine.travel(failing().get().not_before, tick=False):
        assert to_countersign().get() == grant
        assert countersign(grant_id=grant.pk).agreement == agreement
