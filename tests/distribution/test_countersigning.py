from uuid import uuid4

import pytest

from requests_app.agreements.documents import render_document
from requests_app.agreements.models import AgreementDocument
from requests_app.distribution import grants
from requests_app.distribution.countersigning import countersign, waiting
from requests_app.errors import NotFound
from requests_app.lifecycle.reconsent import sign_anew
from requests_app.lifecycle.sweep import sweep
from requests_app.review.decisions import approve
from tests.factories.agreements import signature, signed_agreement
from tests.factories.distribution import GrantFactory
from tests.factories.reconsents import campaign_for, long_standing, signed_anew
from tests.factories.requests import approver

pytestmark = pytest.mark.django_db


def approved(*, run: bool):
    """An approved request's agreement; the tasks of the approval are lost unless `run`."""
    agreement = signed_agreement()
    render_document(agreement_id=agreement.pk)
    access_request = agreement.access_request
    by = approver(access_request.dataset)
    decide = {"access_request_id": access_request.pk, "agreement_id": agreement.pk, "by": by}
    approve(**decide, reason="Sound.")
    if run:
        countersign(grant_id=agreement.grant.pk)
    return agreement


def test_an_approval_has_the_agreement_countersigned(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        agreement = approved(run=False)
    assert agreement.document.kind == AgreementDocument.Kind.COUNTERSIGNED


def test_a_countersignature_whose_task_was_lost_is_found_by_the_sweep(
    django_capture_on_commit_callbacks,
):
    agreement = approved(run=False)
    assert agreement.document.kind == AgreementDocument.Kind.SEALED
    assert list(waiting()) == [agreement.grant]
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep()["countersignatures"] == 1
    assert agreement.document.kind == AgreementDocument.Kind.COUNTERSIGNED
    assert sweep()["countersignatures"] == 0


def test_run_twice_it_countersigns_once():
    agreement = approved(run=True)
    assert countersign(grant_id=agreement.grant.pk) is None
    assert agreement.documents.count() == 2


def test_the_copy_is_owed_even_when_the_grant_has_ended():
    agreement = approved(run=False)
    by = approver(agreement.access_request.dataset)
    grants.revoke_grant(grant_id=agreement.grant.pk, by=by, reason="Gulls were fed.")
    assert list(waiting()) == [agreement.grant]


def test_an_agreement_signed_anew_is_countersigned_too():
    first = approved(run=True)
    grant = long_standing(first.grant)
    campaign_for(grant)
    access_request = grant.access_request
    anew = signature(access_request)
    del anew["access_request_id"]
    signed = sign_anew(grant_id=grant.pk, **anew)
    assert not waiting().exists(), "it is not sealed yet"
    render_document(agreement_id=signed.pk)
    assert list(waiting()) == [grant]
    countersign(grant_id=grant.pk)
    assert signed.document.kind == AgreementDocument.Kind.COUNTERSIGNED
    assert not waiting().exists()


def test_a_grant_without_a_sealed_document_waits_and_one_that_is_not_there_is_not_found():
    grant = GrantFactory()
    assert not waiting().exists()
    assert countersign(grant_id=grant.pk) is None
    with pytest.raises(NotFound):
        countersign(grant_id=uuid4())


def test_the_agreement_a_grant_stood_on_is_countersigned_although_it_moved_on():
    agreement = approved(run=False)
    grant = long_standing(agreement.grant)
    newer = signed_anew(grant, campaign_for(grant))
    assert list(waiting()) == [grant]
    countersign(grant_id=grant.pk)
    assert agreement.document.kind == AgreementDocument.Kind.COUNTERSIGNED
    assert list(waiting()) == []
    assert newer.document is None, "not sealed yet, so not owed yet"
