"""Documents and races of agreements that several people sign."""

import io
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connections
from jsonschema import Draft202012Validator
from pypdf import PdfReader

from requests_app.agreements import cosigning, gathering
from requests_app.agreements.documents import render_document, waiting
from requests_app.agreements.evidence import Cosigned, Party
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.notifications.models import Message
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.agreements.test_evidence_schema import SCHEMA
from tests.factories.agreements import document_input
from tests.factories.cosigning import collect, cosignature, ready_together
from tests.factories.file_database import file_database
from tests.factories.seals import pem

EVERYBODY = 40


def party(number: int, *, role: str = "member", signed: bool = True) -> Party:
    """One of many, who signed when the fixed document was signed, or was removed then."""
    applicant = document_input().evidence
    evidence = Cosigned(
        typed_name=f"Person {number} Łukasz 陈伟",
        role=role,
        position="Student",
        email=f"person{number}@pier.example",
        invited_at=applicant.signed_at,
        code_sent_at=applicant.signed_at,
        method="code sent to the address",
        shown_sha256=applicant.shown_sha256,
        electronic_consent=applicant.electronic_consent,
        affirmations=applicant.affirmations,
        signed_at=applicant.signed_at,
        ip_address="192.0.2.9",
        user_agent="Firefox in a harbour",
        locale="en-gb",
    )
    return Party(
        name=evidence.typed_name,
        role=role,
        email=evidence.email,
        position="Student",
        outcome="signed" if signed else "removed",
        at=applicant.signed_at,
        evidence=evidence if signed else None,
    )


def test_forty_signers_and_five_thousand_words_make_a_whole_document():
    document = document_input(purpose=" ".join(f"word{n}" for n in range(5_000)))
    people = tuple(party(n) for n in range(EVERYBODY - 1))
    dean = party(EVERYBODY, role="institution")
    reader = PdfReader(io.BytesIO(render_pdf(replace(document, parties=(*people, dean)))))
    pages = [page.extract_text() for page in reader.pages]
    text = " ".join(" ".join(pages).split())
    assert "word4999" in text
    for each in (*people, dean):
        assert text.count(f"Signed from {each.email}") == 1
    assert "by its authorised signatory" in text
    # Name, capacity and date of a signature are never parted.
    blocks = [page.count("Signed from") == page.count("given by invitation") for page in pages]
    assert all(blocks)
    told = json.loads(reader.attachments["evidence.json"][0])["signatories"]
    assert len(told) == EVERYBODY


def test_somebody_removed_is_told_and_has_no_signature():
    document = replace(document_input(), parties=(party(1), party(2, signed=False)))
    reader = PdfReader(io.BytesIO(render_pdf(document)))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert "was removed from the Named People on" in text
    assert "person2@pier.example" not in text
    assert text.count("Signed from") == 1


@pytest.mark.parametrize(
    ("later", "sentence"),
    [
        (0, "signed by Ada Larus, Person 1 Łukasz 陈伟 on 31 January 2026, sealed"),
        (2, "signed by Ada Larus on 31 January 2026, Person 1 Łukasz 陈伟 on 2 February 2026, se"),
    ],
)
def test_nobody_is_said_to_have_signed_on_the_day_of_another(later, sentence, key):
    one = party(1)
    at = one.at + timedelta(days=later)
    one = replace(one, at=at, evidence=replace(one.evidence, signed_at=at))
    document = render_pdf(replace(document_input(), parties=(one,)))
    sealed = seal_pdf(document, Seal(key, Level.B_B), Role.SEAL)
    assert sentence in verify(sealed, Trust.from_pem(pem(*key.chain, key.certificate))).sentence


@pytest.mark.django_db
def test_the_sealed_document_holds_every_signature_and_is_verified_with_all_names():
    cache.clear()
    access_request = ready_together("Bea Sterna", "Cy Pluvialis", signatory=True)
    agreement = collect(access_request)
    bea, cy, dean = agreement.signatories.all()
    gathering.remove(signatory_id=cy.pk, by=agreement.signer, reason="Left.")
    for each in (dean, bea):
        cosigning.cosign(**cosignature(each))
    document = render_document(agreement_id=agreement.pk)

    verdict = verify(bytes(document.content), Trust.published())
    assert verdict.finding is Finding.GENUINE
    assert [(signer.name, signer.role) for signer in verdict.facts.signers] == [
        (access_request.legal_name, "applicant"),
        ("Bea Sterna", "member"),
        ("Dean Skua", "institution"),
    ]
    assert "Bea Sterna" in verdict.sentence
    reader = PdfReader(io.BytesIO(bytes(document.content)))
    evidence = json.loads(reader.attachments["evidence.json"][0])
    Draft202012Validator(SCHEMA).validate(evidence)
    assert [each["outcome"] for each in evidence["signatories"]] == ["signed", "removed", "signed"]
    assert evidence["signatories"][0]["evidence"] == bea.cosignature.evidence
    copies = Message.objects.filter(name__in=("agreement_signed", "agreement_cosigned"))
    assert sorted(evidence["copies_to"]) == sorted(copies.values_list("recipient", flat=True))
    assert evidence["copies_to"] == [agreement.values["email"], bea.email, dean.email]


@pytest.mark.django_db(transaction=True)
def test_when_the_last_two_sign_at_once_the_request_is_submitted_once(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    cache.clear()
    agreement = collect(ready_together("Bea Sterna", "Cy Pluvialis"))
    asked = [cosignature(each) for each in agreement.signatories.all()]
    together = threading.Barrier(2, timeout=20)
    failures = []

    def work(arguments):
        together.wait()
        try:
            cosigning.cosign(**arguments)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connections.close_all()

    with file_database(tmp_path):
        workers = [threading.Thread(target=work, args=(each,)) for each in asked]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert failures == []
        assert AccessRequest.objects.get().state == State.SUBMITTED
        assert Entry.objects.filter(kind=kinds.REQUEST_SUBMITTED).count() == 1
        assert waiting().get() == agreement
