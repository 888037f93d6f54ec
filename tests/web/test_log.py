"""What the portal tells of its log, read by the script that it hands out."""

import base64
import json
import subprocess
import sys

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from requests_app.agreements.models import FailedDocument
from requests_app.audit import checkpoints, kinds, log, outsider, sequencing
from requests_app.audit.models import Leaf
from requests_app.web.timeline import timeline
from tests.factories.distribution import AgreementFactory
from tests.factories.identity import ApplicantFactory
from tests.factories.requests import AccessRequestFactory

pytestmark = pytest.mark.django_db


def happen(access_request, kind, **details):
    with transaction.atomic():
        return log.record(kind, by=access_request.applicant, on=access_request, **details)


@pytest.fixture
def access_request(client):
    """A request whose page tells two events; one entry of it is not told."""
    made = AccessRequestFactory(applicant=ApplicantFactory())
    happen(made, kinds.REQUEST_STARTED, dataset=made.dataset.slug)
    happen(made, kinds.MESSAGE_SENT, name="link_issued", attempts=1)
    happen(made, kinds.REQUEST_WITHDRAWN, reason="Too late.", **{"from": "draft"}, to="withdrawn")
    client.force_login(made.applicant)
    return made


def receipt_of(access_request, entry):
    return reverse("request_receipt", args=[access_request.pk, entry])


def key() -> outsider.Key:
    return outsider.parse_key(Client().get(reverse("log_key")).text)


def proof_of(name: str, **query: int) -> list[bytes]:
    told = Client().get(reverse(name), query).json()
    return [base64.b64decode(each) for each in told["proof"]]


def test_before_the_first_checkpoint_there_is_none_and_a_receipt_is_to_come(client, access_request):
    for name in ("log_checkpoint", "log_key"):
        assert client.get(reverse(name)).status_code == 404
    entry = timeline(access_request).events[0].entry
    early = client.get(receipt_of(access_request, entry))
    assert (early.status_code, early["Retry-After"]) == (202, "5")
    assert "ready in a few seconds" in early.text


def test_every_receipt_that_the_page_offers_holds(client, access_request):
    checkpoints.seal()
    page = client.get(reverse("request_detail", args=[access_request.pk])).text
    offered = [event.entry for event in timeline(access_request).events]
    assert len(offered) == 2
    for entry in offered:
        assert f'href="{receipt_of(access_request, entry)}"' in page
        receipt = client.get(receipt_of(access_request, entry)).json()
        outsider.check_receipt(receipt, key())
        assert json.loads(receipt["leaf"])["id"] == entry
        assert "Too late." not in receipt["leaf"]
        public = client.get(reverse("log_entry", args=[receipt["index"]])).json()
        leaf_hash = base64.b64decode(public["leaf_hash"])
        assert leaf_hash == outsider.leaf_hash(receipt["leaf"].encode())


def test_a_receipt_is_for_the_applicant_and_for_what_the_timeline_tells(client, access_request):
    untold = happen(access_request, kinds.DOCUMENT_OPENED, document=1, sha256="4" * 64)
    checkpoints.seal()
    entry = timeline(access_request).events[0].entry
    assert client.get(receipt_of(access_request, entry)).status_code == 200
    other = AccessRequestFactory(applicant=access_request.applicant)
    assert client.get(receipt_of(other, entry)).status_code == 404
    assert client.get(receipt_of(access_request, untold.pk)).status_code == 404
    stranger = Client()
    stranger.force_login(ApplicantFactory())
    assert stranger.get(receipt_of(access_request, entry)).status_code == 404


def test_the_public_proofs_hold_between_checkpoints(access_request):
    first = outsider.open_note(checkpoints.seal().note, key())
    happen(access_request, kinds.REQUEST_SAVED, changed=[], revision=2)
    checkpoints.seal()
    second = outsider.open_note(Client().get(reverse("log_checkpoint")).text, key())
    grown = proof_of("log_consistency", first=first.size, second=second.size)
    outsider.check_growth(first, second, grown)
    leaf = bytes(Leaf.objects.get(place=1).hash)
    proof = proof_of("log_inclusion", index=1, size=second.size)
    outsider.check_inclusion(leaf, 1, second.size, proof, second.root)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("log_inclusion", {"index": 0}),
        ("log_inclusion", {"index": "-1", "size": 1}),
        ("log_inclusion", {"index": 1, "size": 1}),
        ("log_inclusion", {"index": 0, "size": "9" * 18}),
        ("log_inclusion", {"index": 0, "size": "9" * 5000}),
        ("log_inclusion", {"index": 0, "size": 0}),
        ("log_consistency", {"first": 0, "second": 0}),
        ("log_consistency", {"first": 0, "second": 1}),
        ("log_consistency", {"first": 2, "second": 1}),
        ("log_consistency", {"first": 1, "second": "\u0663"}),
    ],
)
def test_a_wrong_query_is_told_what_to_ask(access_request, name, query):
    checkpoints.seal()
    answer = Client().get(reverse(name), query)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("place", ["99", "9" * 19, "9" * 40])
def test_a_place_beyond_the_log_is_not_found(place):
    assert Client().get(f"/log/entries/{place}").status_code == 404


def test_the_script_that_is_handed_out_runs_alone(client, access_request, tmp_path):
    checkpoints.seal()
    script, receipt = tmp_path / "verify.py", tmp_path / "receipt.json"
    script.write_bytes(client.get(reverse("log_script")).content)
    entry = timeline(access_request).events[0].entry
    receipt.write_bytes(client.get(receipt_of(access_request, entry)).content)
    command = [sys.executable, "-I", script, "--key", str(key()), "--receipt", receipt]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "holds, in the log of size 3" in ran.stdout


TOKEN = "figures-" * 4


def figures_for(authorization: str = f"Bearer {TOKEN}"):
    return Client().get(reverse("metrics"), headers={"Authorization": authorization})


def test_without_a_token_in_the_settings_nobody_gets_figures(access_request):
    for answer in (figures_for(), figures_for("Bearer "), Client().get(reverse("metrics"))):
        assert (answer.status_code, answer.text) == (404, "Not found.\n")


def test_figures_are_for_whoever_has_the_token(access_request, settings):
    settings.METRICS_TOKEN = TOKEN
    assert figures_for().status_code == 200
    for wrong in ("", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ä"):
        answer = figures_for(wrong)
        assert answer.status_code == 401, wrong
        assert answer["WWW-Authenticate"] == "Bearer"
        assert "portal_log" not in answer.text
    assert Client().get(reverse("metrics")).status_code == 401


def test_figures_tell_size_and_lag(access_request, settings):
    settings.METRICS_TOKEN = TOKEN
    figures = figures_for().text.splitlines()
    assert "portal_log_entries 0" in figures
    lag = next(line for line in figures if line.startswith("portal_log_lag_seconds "))
    assert float(lag.split()[1]) > 0
    sequencing.sequence()
    figures = figures_for().text.splitlines()
    assert "portal_log_entries 3" in figures
    assert "portal_log_checkpoint_entries 0" in figures
    assert "portal_log_lag_seconds 0.0" not in figures  # what no checkpoint covers lags, too
    checkpoints.seal()
    assert "portal_log_lag_seconds 0.0" in figures_for().text.splitlines()


def test_figures_tell_of_documents_that_cannot_be_made(settings, access_request):
    settings.METRICS_TOKEN = TOKEN

    def failing() -> str:
        lines = figures_for().text.splitlines()
        return next(line for line in lines if line.startswith("portal_documents_failing "))

    assert failing() == "portal_documents_failing 0"
    FailedDocument.objects.create(agreement=AgreementFactory(), attempts=2)
    assert failing() == "portal_documents_failing 1"
