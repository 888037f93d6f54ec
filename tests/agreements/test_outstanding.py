"""Who has yet to sign: the rule and its twin as a query say the same in every world."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requests_app.agreements import outstanding
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome
from requests_app.agreements.own_signatures import OwnCertificateChoice, OwnSignature
from requests_app.agreements.signatories import (
    AgreementVoid,
    Cosignature,
    Signatory,
    SignatoryExit,
)
from tests.factories.review import submitted

pytestmark = pytest.mark.django_db

FATES = {
    "waiting": (Outcome.WAITING, True),
    "signed": (Outcome.SIGNED, False),
    "declined": (Outcome.DECLINED, True),
    "removed": (Outcome.REMOVED, False),
    "declined removed": (Outcome.REMOVED, False),
}


def put_signatory(agreement: Agreement, order: int, fate: str) -> Signatory:
    signatory = Signatory.objects.create(
        agreement=agreement, role="member", name="B", email=f"{order}@b.example", order=order
    )
    if fate == "signed":
        Cosignature.objects.create(signatory=signatory, evidence={})
    else:
        for kind in fate.replace("waiting", "").split():
            SignatoryExit.objects.create(signatory=signatory, kind=kind)
    return signatory


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    fates=st.lists(st.sampled_from(list(FATES)), max_size=4),
    own=st.sampled_from(["no", "chosen", "signed"]),
    void=st.booleans(),
)
def test_the_rule_and_its_twin_agree(fates, own, void):
    access_request = submitted()
    agreement = access_request.agreements.get()
    made = [put_signatory(agreement, order, fate) for order, fate in enumerate(fates)]
    if void:
        AgreementVoid.objects.create(agreement=agreement, why="stopped", by=agreement.signer)

    if own != "no":
        OwnCertificateChoice.objects.create(agreement=agreement)
    if own == "signed":
        OwnSignature.objects.create(
            agreement=agreement, content=b"", size=0, sha256="", certificate={}
        )
    blocked = own == "chosen" or any(FATES[fate][1] for fate in fates)
    found = outstanding.signatories_of(agreement)
    assert [outstanding.outcome(each) for each in found] == [FATES[fate][0] for fate in fates]
    assert found == made
    assert outstanding.is_complete(agreement) is (not blocked and not void)
    mine = Agreement.objects.filter(pk=agreement.pk)
    assert outstanding.complete(mine).exists() is outstanding.is_complete(agreement)
    opened = outstanding.open_agreement(access_request)
    assert opened == (agreement if blocked and not void else None)
