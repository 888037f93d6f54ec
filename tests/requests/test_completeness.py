"""What must be there before signing."""

import pytest

from requests_app.errors import Invalid
from requests_app.requests.completeness import REQUIRED, missing, require_complete
from requests_app.requests.cosigners import ANOTHER_PERSON, may_be_one_person
from requests_app.requests.models import AccessRequest
from tests.factories.cosigning import ready_together
from tests.factories.requests import (
    AccessRequestFactory,
    EthicsDocumentFactory,
    NamedPersonFactory,
)

pytestmark = pytest.mark.django_db

APPROVED = {"ethics": AccessRequest.Ethics.APPROVED, "ethics_reference": "HREC/7"}


def test_a_complete_request_lacks_nothing():
    access_request = AccessRequestFactory()
    assert missing(access_request) == {}
    require_complete(access_request)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("blank", ["", "  \n "])
def test_each_required_answer_is_missed_with_its_own_sentence(name, blank):
    access_request = AccessRequestFactory()
    setattr(access_request, name, blank.strip() if name == "country" else blank)
    assert missing(access_request)[name] == [REQUIRED[name]]


def test_an_empty_request_cannot_be_signed_and_says_why():
    with pytest.raises(Invalid) as caught:
        require_complete(AccessRequestFactory(purpose="", institution=""))
    assert set(caught.value.fields) == {"purpose", "institution"}


def test_a_student_names_a_supervisor_and_nobody_else_must():
    assert missing(AccessRequestFactory(is_student=False, supervisor="")) == {}
    assert set(missing(AccessRequestFactory(is_student=True, supervisor=""))) == {"supervisor"}
    assert missing(AccessRequestFactory(is_student=True, supervisor="Anna Larus")) == {}


def test_an_approval_needs_its_reference_and_its_pdf():
    access_request = AccessRequestFactory(ethics="approved", ethics_reason="")
    assert set(missing(access_request)) == {"ethics_reference", "ethics_document"}
    access_request = AccessRequestFactory(**APPROVED)
    EthicsDocumentFactory(access_request=access_request)
    assert missing(access_request) == {}


def test_no_approval_needs_a_reason():
    assert set(missing(AccessRequestFactory(ethics_reason=" "))) == {"ethics_reason"}


def test_every_statement_of_the_card_must_be_ticked():
    access_request = AccessRequestFactory(statements=[])
    assert missing(access_request)["statements"] == ["Tick every statement: one is still open."]
    access_request.dataset.card["compliance"].append({"id": "no-shouting", "text": "Quiet."})
    assert "2 are" in missing(access_request)["statements"][0]
    access_request.statements = ["no-shouting", "no-feeding"]
    assert missing(access_request) == {}


def test_a_statement_that_the_card_no_longer_asks_for_does_not_count():
    access_request = AccessRequestFactory(statements=["an-old-one"])
    assert "statements" in missing(access_request)


def test_a_named_person_needs_a_name_and_an_address():
    access_request = AccessRequestFactory()
    NamedPersonFactory(access_request=access_request)
    NamedPersonFactory(access_request=access_request, name="", role="Student")
    NamedPersonFactory(access_request=access_request, email="")
    assert set(missing(access_request)) == {"named_people-1-name", "named_people-2-email"}


@pytest.mark.parametrize("name", ["ada  LARUS", "Ada Larus"])
def test_nobody_signs_for_their_institution_under_their_own_name(name):
    access_request = ready_together(signatory=True, legal_name="Ada Larus")
    assert "signatory_name" not in missing(access_request)
    access_request.signatory_name = name
    assert missing(access_request)["signatory_name"] == [ANOTHER_PERSON]


@pytest.mark.parametrize(
    ("other", "perhaps"),
    [
        ("ada@cs.pier.ac.uk", True),
        ("ADA+dean@pier.ac.uk", True),
        ("dean@pier.ac.uk", False),
        ("ada@harbour.ac.uk", False),
        ("", False),
    ],
)
def test_two_addresses_may_be_of_one_person(other, perhaps):
    assert may_be_one_person("ada@pier.ac.uk", other) is perhaps
