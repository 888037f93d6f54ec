import pytest
from django.db import DatabaseError

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from tests.admin.places import at
from tests.factories.requests import (
    AccessRequestFactory,
    EthicsDocumentFactory,
    approver,
    auditor,
    reviewer,
    superuser,
)
from tests.factories.review import PDF, sign, submitted

pytestmark = pytest.mark.django_db


def agreement_url(access_request, agreement=None):
    agreement = agreement or access_request.agreements.get()
    return at("accessrequest_agreement", access_request.pk, agreement.pk)


def with_approval(**fields):
    access_request = AccessRequestFactory(ethics="approved", ethics_reference="R-7", **fields)
    document = EthicsDocumentFactory(access_request=access_request, name="批准 7.pdf")
    sign(access_request)
    return access_request, at("accessrequest_ethics", access_request.pk, document.pk)


def test_the_agreement_opens_in_the_browser_and_is_never_kept(enter):
    access_request = submitted()
    response = enter(reviewer(access_request.dataset)).get(agreement_url(access_request))
    assert response.content == PDF
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"].startswith("inline")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"].startswith("private, no-store")
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_an_uploaded_approval_is_a_download_in_a_sandbox(enter):
    access_request, url = with_approval()
    response = enter(reviewer(access_request.dataset)).get(url)
    assert response.content == b"%PDF-1.7 approval"
    assert response["Content-Disposition"].startswith("attachment")
    assert "filename*=utf-8''" in response["Content-Disposition"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"].startswith("private, no-store")
    assert "sandbox" in response["Content-Security-Policy"]


def test_whoever_opens_a_document_is_entered_before_it_goes_out(enter, monkeypatch):
    access_request, ethics = with_approval()
    reader = reviewer(access_request.dataset)
    browser = enter(reader)
    for url in (ethics, agreement_url(access_request)):
        browser.head(url)
        browser.get(url)
    opened = Entry.objects.filter(kind=kinds.DOCUMENT_OPENED).order_by("pk")
    assert [(each.actor, each.trail) for each in opened] == 2 * [
        (reader.audit_ref, access_request.audit_ref)
    ]
    agreement = access_request.agreements.get()
    assert [each.details["document"] for each in opened] == [
        "ethics approval",
        f"{agreement.number}.pdf",
    ]
    assert opened[1].details["sha256"] == agreement.document.sha256

    def full(*_args, **_kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr("requests_app.audit.log.record", full)
    with pytest.raises(DatabaseError):
        browser.get(ethics)


def test_files_are_for_those_who_may_review_the_request(enter):
    access_request, ethics = with_approval()
    for url in (ethics, agreement_url(access_request)):
        for user, status in {
            approver(access_request.dataset): 200,
            auditor(): 200,
            superuser(): 404,
            approver(submitted().dataset): 404,
        }.items():
            assert enter(user).get(url).status_code == status


def test_files_are_looked_up_under_their_own_request(enter):
    mine = submitted()
    other, ethics = with_approval()
    client = enter(approver(mine.dataset))
    document = other.ethics_documents.get()
    assert client.get(ethics).status_code == 404
    assert client.get(at("accessrequest_ethics", mine.pk, document.pk)).status_code == 404
    assert client.get(agreement_url(mine, other.agreements.get())).status_code == 404


def test_an_upload_that_was_never_signed_for_stays_private(enter):
    access_request, _ = with_approval()
    later = EthicsDocumentFactory(access_request=access_request)
    client = enter(approver(access_request.dataset))
    url = at("accessrequest_ethics", access_request.pk, later.pk)
    assert client.get(url).status_code == 404


def test_an_agreement_without_its_pdf_is_not_found(enter):
    access_request = submitted(rendered=False)
    client = enter(approver(access_request.dataset))
    assert client.get(agreement_url(access_request)).status_code == 404
