"""The seal's key in a hardware token, here one made of software: SoftHSM."""

import subprocess
from pathlib import Path

import pytest

from requests_app.agreements import sealing_keys
from requests_app.agreements.seal import Role, prepare, seal_pdf
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import Misconfigured
from tests.factories.authorities import private_pem
from tests.factories.seals import key_in, pem, rendered_pdf

LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
MODULE = next(
    (found for each in LIBRARIES if (found := Path(each, "softhsm/libsofthsm2.so")).exists()), None
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two keys; both are put into the token, the first one as "seal"."""
    return [key_in(tmp_path_factory.mktemp("keys")) for _ in range(2)]


@pytest.fixture(scope="module")
def token(tmp_path_factory, keys):
    """A software token; a process reads its configuration once, so there is one for the module."""
    assert MODULE, "this needs SoftHSM's library; install softhsm2"
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    util("--init-token", "--free", "--label", "cliff", "--so-pin", "0000", "--pin", "1234")
    for number, (label, key) in enumerate(zip(("seal", "other"), keys, strict=True), 1):
        path = folder / f"{label}.pem"
        path.write_bytes(private_pem(key.key))
        told = ("--token", "cliff", "--label", label, "--id", f"0{number}", "--pin", "1234")
        util("--import", path, *told)
    yield folder
    patch.undo()


def util(*arguments):
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def rendered():
    return rendered_pdf()


@pytest.fixture
def in_token(token, keys, settings, tmp_path):
    path = tmp_path / "certificates.pem"
    path.write_bytes(pem(keys[0].certificate, *keys[0].chain))
    settings.SEAL_KEY_FILE = str(path)
    settings.SEAL_PKCS11_MODULE = str(MODULE)
    settings.SEAL_PKCS11_TOKEN = "cliff"
    settings.SEAL_PKCS11_KEY = "seal"
    settings.SEAL_PKCS11_PIN = "1234"
    return settings


@pytest.mark.usefixtures("in_token")
def test_a_key_that_never_leaves_its_token_sets_both_seals(keys, rendered):
    assert prepare().key.key is None
    both = seal_pdf(seal_pdf(rendered, prepare(), Role.SEAL), prepare(), Role.COUNTERSIGNATURE)
    verdict = verify(both, Trust.from_pem(pem(*keys[0].chain, keys[0].certificate)))
    assert verdict.finding is Finding.GENUINE
    assert len(verdict.facts.seals) == 2


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("SEAL_PKCS11_TOKEN", "beach", "does not sign"),
        ("SEAL_PKCS11_KEY", "shell", "does not sign"),
        ("SEAL_PKCS11_PIN", "4321", "does not sign"),
        ("SEAL_PKCS11_MODULE", "/nowhere.so", "does not sign"),
        ("SEAL_PKCS11_KEY", "other", "not that of the certificate"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_told(in_token, rendered, setting, value, sentence):
    setattr(in_token, setting, value)
    with pytest.raises(Misconfigured, match=sentence):
        seal_pdf(rendered, prepare(), Role.SEAL)


def test_a_file_without_certificates_is_told(in_token, tmp_path):
    (tmp_path / "certificates.pem").write_text("none")
    with pytest.raises(Misconfigured, match="the seal's certificate into it first"):
        sealing_keys.load()
