"""The guide to verifying is followed to the letter: its commands, in its order, with its tools."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from requests_app.agreements.documents import countersign_document, render_document
from tests.factories.agreements import signed_agreement

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/verify-an-agreement.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def follow(live_server, tmp_path):
    """Runs all commands of the guide on a file; returns what each block printed."""

    def run(content: bytes) -> list[str]:
        (tmp_path / "agreement.pdf").write_bytes(content)
        return [
            _run(block.replace("https://PORTAL", live_server.url), tmp_path) for block in BLOCKS
        ]

    return run


def _run(block: str, folder: Path) -> str:
    block = block.replace(".venv/bin/python manage.py", f"{sys.executable} {ROOT / 'manage.py'}")
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = {"DJANGO_SETTINGS_MODULE": "cmed_portal.settings", "CMED_VAR_DIR": str(folder)}
    ran = subprocess.run(
        ["bash", "-c", block],
        cwd=folder,
        env={**os.environ, **settings, "PATH": tools},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{ran.stdout}{ran.stderr}"


@pytest.mark.django_db(transaction=True)
def test_every_command_says_what_the_guide_says(follow):
    agreement = signed_agreement()
    render_document(agreement_id=agreement.pk)
    both = bytes(countersign_document(agreement_id=agreement.pk).content)

    asked, certificates, poppler, pyhanko, openssl, evidence, digests, command = follow(both)
    assert '"finding": "genuine"' in asked
    assert "sha256 Fingerprint=" in certificates
    for told in ("Signature is Valid", "Certificate is Trusted"):
        assert poppler.count(told) == 2
    assert poppler.count("Total document signed") == 1
    assert pyhanko.count("The signature is judged VALID") == 2
    assert "The signature covers the entire file" in pyhanko
    assert "CAdES Verification successful" in openssl
    assert "It ends where the file does." in openssl
    assert f'"number": "{agreement.number}"' in evidence
    answers, shown, answers_now, shown_now = re.findall(r"[0-9a-f]{64}", digests)
    assert (answers_now, shown_now) == (answers, shown)
    assert "Genuine" in command
