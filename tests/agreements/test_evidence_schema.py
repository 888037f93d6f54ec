"""The published schema against what real documents hold."""

import io
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pypdf import PdfReader

from requests_app.agreements.answers import digest, shown_digest
from requests_app.agreements.documents import render_document
from requests_app.agreements.signing import sign
from requests_app.audit import checkpoints, kinds, log
from tests.factories.agreements import ready_request, signature, signed_agreement
from tests.factories.requests import NamedPersonFactory

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/agreement-evidence.schema.json").read_text()
)

pytestmark = pytest.mark.django_db


def embedded(agreement) -> dict:
    document = render_document(agreement_id=agreement.pk)
    return json.loads(PdfReader(io.BytesIO(document.content)).attachments["evidence.json"][0])


def test_what_a_real_document_holds_is_what_the_schema_says():
    Draft202012Validator.check_schema(SCHEMA)
    access_request = ready_request()
    NamedPersonFactory(access_request=access_request)
    log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")
    checkpoints.seal()
    evidence = embedded(sign(**signature(access_request)))
    Draft202012Validator(SCHEMA).validate(evidence)
    assert set(evidence) == set(SCHEMA["properties"])
    assert evidence["answers"]["named_people"]


def test_a_field_that_is_missing_or_not_described_is_refused():
    evidence = embedded(signed_agreement())
    for name in evidence:
        with pytest.raises(ValidationError):
            Draft202012Validator(SCHEMA).validate({k: v for k, v in evidence.items() if k != name})
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(evidence | {"more": ""})


def test_only_a_document_that_its_applicant_signs_first_may_leave_the_seal_unnamed():
    evidence = embedded(signed_agreement())
    for name in ("certificate_sha256", "level"):
        less = {k: v for k, v in evidence["seal"].items() if k != name}
        with pytest.raises(ValidationError):
            Draft202012Validator(SCHEMA).validate(evidence | {"seal": less})
        Draft202012Validator(SCHEMA).validate(evidence | {"seal": less, "own_certificate": True})


def test_the_digests_can_be_recomputed_as_the_schema_says():
    agreement = signed_agreement()
    evidence = embedded(agreement)
    answers, text_sha256 = evidence["answers"], evidence["text_sha256"]
    assert evidence["answers_sha256"] == digest(answers)
    assert evidence["shown_sha256"] == shown_digest(text_sha256=text_sha256, answers=answers)
    added = {"answers", "copies_to", "format", "seal", "signatories"}
    recorded = {k: v for k, v in evidence.items() if k not in added}
    assert recorded == agreement.evidence
