"""The log's checkpoint on an agreement: the one of the moment of signing, for ever."""

import io
import json

import pytest
from pypdf import PdfReader

from requests_app.agreements import unsealed
from requests_app.agreements.answers import digest
from requests_app.agreements.documents import render_document
from requests_app.agreements.evidence import Evidence
from requests_app.audit import checkpoints, kinds, log, outsider
from requests_app.audit.models import Entry
from tests.factories.agreements import signed_agreement

pytestmark = pytest.mark.django_db


def happen() -> None:
    log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")


@pytest.fixture
def checkpoint():
    """What the log had signed before anybody signs an agreement."""
    happen()
    return checkpoints.seal()


def read(content: bytes) -> tuple[str, dict]:
    reader = PdfReader(io.BytesIO(content))
    text = "".join(page.extract_text() for page in reader.pages)
    return text, json.loads(reader.attachments["evidence.json"][0])


def test_the_checkpoint_of_the_moment_of_signing_is_printed_embedded_and_committed_to(checkpoint):
    agreement = signed_agreement()
    happen()
    later = checkpoints.seal()
    text, embedded = read(render_document(agreement_id=agreement.pk).content)
    assert embedded["log_checkpoint"] == checkpoint.note != later.note
    outsider.open_note(embedded["log_checkpoint"], outsider.parse_key(checkpoint.vkey))
    root = checkpoint.note.split("\n")[2]
    assert root in text.replace("\n", "")
    signed = Entry.objects.get(kind=kinds.AGREEMENT_SIGNED)
    added = {"answers", "copies_to", "format", "seal", "signatories"}
    recorded = {name: value for name, value in embedded.items() if name not in added}
    assert signed.details["evidence_sha256"] == digest(recorded)


def test_two_renders_with_the_log_growing_between_are_the_same_bytes(checkpoint):
    agreement = signed_agreement()
    first = unsealed.render(agreement, None)
    happen()
    checkpoints.seal()
    assert unsealed.render(agreement, None) == first


def test_before_the_first_checkpoint_the_certificate_has_none_and_says_nothing_of_it():
    agreement = signed_agreement()
    happen()
    checkpoints.seal()
    text, embedded = read(unsealed.render(agreement, None))
    assert "log_checkpoint" not in embedded
    assert "audit log" not in text


def test_evidence_goes_through_json_and_back_with_and_without_it(checkpoint):
    stored = signed_agreement().evidence
    assert Evidence.from_json(stored).as_json() == stored
    old = {name: value for name, value in stored.items() if name != "log_checkpoint"}
    assert Evidence.from_json(old).as_json() == old
