import json

import pytest
from django.core.management import CommandError, call_command

from requests_app.agreements import sealing_keys
from requests_app.agreements.documents import render_document
from requests_app.agreements.models import SealCertificate
from tests.factories.agreements import signed_agreement
from tests.factories.seals import countersigned_pdf, key_in, pem


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return key_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def files(key, tmp_path):
    """A countersigned agreement and the root to trust, as files."""
    (tmp_path / "a.pdf").write_bytes(countersigned_pdf(key))
    (tmp_path / "root.pem").write_bytes(pem(*key.chain))
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str]:
    """Exit code and what was printed. No database is touched: these tests may not."""
    try:
        call_command(*map(str, arguments))
    except CommandError as error:
        return error.returncode, capsys.readouterr().out
    return 0, capsys.readouterr().out


def test_a_genuine_agreement_ends_with_0_and_needs_no_database(files, capsys):
    code, told = run(capsys, "agreement_verify", files / "a.pdf", "--root", files / "root.pem")
    assert code == 0
    assert told.startswith("Genuine. This is agreement GULLS-DAA-2026-000001")
    assert "countersignature of the lab" in told
    assert (
        "signed: 2026-01-31T09:30:00Z by Ada Larus (applicant, Lecturer, Pier University)" in told
    )


def test_with_json_the_verdict_is_data(files, capsys):
    arguments = (files / "a.pdf", "--root", files / "root.pem", "--json")
    code, told = run(capsys, "agreement_verify", *arguments)
    assert (code, json.loads(told)["finding"]) == (0, "genuine")
    (files / "a.pdf").write_bytes((files / "a.pdf").read_bytes() + b"%")
    code, told = run(capsys, "agreement_verify", *arguments)
    assert (code, json.loads(told)["finding"]) == (1, "altered")


def test_another_root_ends_with_1_and_wrong_use_is_told(files, capsys, tmp_path_factory):
    other = key_in(tmp_path_factory.mktemp("other"))
    (files / "other.pem").write_bytes(pem(*other.chain))
    code, told = run(capsys, "agreement_verify", files / "a.pdf", "--root", files / "other.pem")
    assert code == 1
    assert told.startswith("Not ours.")
    for wrong in ([], ["/nowhere.pdf"], [files / "a.pdf", "--root", "/nowhere.pem"]):
        with pytest.raises(CommandError, match="Error: "):
            call_command("agreement_verify", *map(str, wrong))


@pytest.mark.parametrize("option", ["--root", "--timestamp-roots"])
@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_certificates_that_cannot_be_used_end_with_2_and_say_nothing_of_the_file(
    files, capsys, option, content
):
    (files / "bad.pem").write_bytes(content)
    arguments = ["--root", files / "root.pem"] if option != "--root" else []
    arguments = [files / "a.pdf", *arguments, option, files / "bad.pem"]
    assert run(capsys, "agreement_verify", *arguments) == (2, "")
    code, told = run(capsys, "agreement_verify", *arguments, "--json")
    assert (code, list(json.loads(told))) == (2, ["error"])


@pytest.mark.django_db
def test_without_a_root_the_portals_own_certificates_count(files, capsys):
    code, _ = run(capsys, "agreement_verify", files / "a.pdf")
    assert code == 1
    document = render_document(agreement_id=signed_agreement().pk)
    (files / "own.pdf").write_bytes(document.content)
    assert run(capsys, "agreement_verify", files / "own.pdf")[0] == 0


@pytest.mark.django_db
def test_rotating_makes_a_new_key(capsys):
    before = sealing_keys.load().sha256
    code, told = run(capsys, "rotate_seal_key", "--json")
    assert code == 0
    assert json.loads(told)["certificate_sha256"] == sealing_keys.load().sha256 != before
    assert SealCertificate.objects.count() == 2


def test_with_a_folder_it_is_made_there_and_nothing_else_changes(tmp_path, capsys):
    assert run(capsys, "rotate_seal_key", "--folder", tmp_path / "safe")[0] == 0
    first = sealing_keys.read(tmp_path / "safe" / "seal.pem")
    code, told = run(capsys, "rotate_seal_key", "--folder", tmp_path / "safe")
    second = sealing_keys.read(tmp_path / "safe" / "seal.pem")
    assert (code, "seal-root.pem" in told) == (0, True)
    assert first.sha256 != second.sha256
    assert first.chain == second.chain
