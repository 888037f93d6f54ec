import pytest

from requests_app.agreements import signing
from requests_app.errors import NotFound
from requests_app.identity.models import InstitutionDomain
from requests_app.requests.states import State
from requests_app.review.dossier import (
    dossier,
    latest_agreement,
    openable_ethics_document,
    visible,
)
from tests.admin.places import page_of
from tests.factories.agreements import ready_request, signature
from tests.factories.requests import (
    AccessRequestFactory,
    EthicsDocumentFactory,
    NamedPersonFactory,
    approver,
    auditor,
    superuser,
)
from tests.factories.review import put, sign, submitted

pytestmark = pytest.mark.django_db


def test_a_request_signed_through_the_front_door_is_all_there(client):
    draft = ready_request(ethics="approved", ethics_reference="R-7")
    EthicsDocumentFactory(access_request=draft, name="too-early.pdf")
    approval = EthicsDocumentFactory(access_request=draft, name="approval.pdf")
    NamedPersonFactory(
        access_request=draft, name="Ann Auk", email="ann@quay.example", role="Helper"
    )
    agreement = signing.sign(**signature(draft))
    InstitutionDomain.objects.create(domain="quay.example", standing="deny", source="x")
    by = approver(draft.dataset)
    found = dossier(visible(access_request_id=draft.pk, to=by), reader=by)
    assert found.agreement == agreement
    assert found.ethics_document == approval
    assert found.answers["purpose"] == draft.purpose
    assert [(p.name, p.email, p.role, p.verdict.accepted) for p in found.people] == [
        ("Ann Auk", "ann@quay.example", "Helper", False)
    ]
    client.force_login(by)
    text = client.get(page_of(draft)).text
    for expected in (agreement.number, "approval.pdf", draft.institution, "Australia"):
        assert expected in text
    assert "too-early.pdf" not in text


def test_what_counts_is_the_agreement_signed_last():
    access_request = submitted()
    first = access_request.agreements.get()
    put(access_request, State.RETURNED)
    second = sign(access_request)
    assert latest_agreement(access_request) == second
    found = dossier(access_request, reader=auditor())
    assert (found.agreement, found.earlier_agreements) == (second, [first])


def test_an_unsigned_request_has_no_dossier():
    draft = AccessRequestFactory()
    with pytest.raises(NotFound):
        latest_agreement(draft)
    with pytest.raises(NotFound):
        visible(access_request_id=draft.pk, to=auditor())


def test_who_may_not_review_finds_nothing():
    access_request = submitted()
    for user in (superuser(), approver(submitted().dataset), access_request.applicant):
        with pytest.raises(NotFound):
            visible(access_request_id=access_request.pk, to=user)


def test_documents_are_opened_only_under_the_request_they_were_signed_for():
    one = AccessRequestFactory(ethics="approved", ethics_reference="R-7")
    document = EthicsDocumentFactory(access_request=one)
    sign(one)
    assert openable_ethics_document(one, document.pk) == document
    other = submitted()
    with pytest.raises(NotFound):
        openable_ethics_document(other, document.pk)


def test_a_moved_account_and_a_changed_verdict_are_noticed():
    access_request = submitted(email="ann@gmail.com", email_standing="institution")
    found = dossier(access_request, reader=auditor())
    assert found.email_changed
    assert found.verdict_changed
    assert found.document is not None
