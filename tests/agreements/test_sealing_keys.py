import resource
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from requests_app.agreements import certificates, key_making, sealing_keys
from requests_app.agreements.models import SealCertificate
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Misconfigured
from tests.factories.seals import as_pkcs12, key_in, pem


@pytest.fixture
def own_var(tmp_path, settings):
    """A portal that has never been started."""
    settings.VAR_DIR = tmp_path
    settings.SEAL_KEY_FILE = str(tmp_path / "keys" / "seal.pem")
    return tmp_path


def given_as_file(settings, path, content: bytes, passphrase: str = "") -> None:
    path.write_bytes(content)
    settings.SEAL_KEY_FILE = str(path)
    settings.SEAL_KEY_PASSPHRASE = passphrase


def private_pem(key: sealing_keys.SealKey) -> bytes:
    return key.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def test_the_first_start_makes_a_p_256_key_and_a_root_for_the_owner_alone(own_var):
    key = sealing_keys.load()
    assert isinstance(key.key, ec.EllipticCurvePrivateKey)
    assert key.key.curve.name == "secp256r1"
    [root] = key.chain
    key.certificate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    usage = key.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment
    assert not usage.key_cert_sign
    files = list((own_var / "keys").iterdir())
    assert {file.name for file in files} == {"seal.pem", "seal-root.pem"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((own_var / "keys").stat().st_mode) == 0o700
    assert sealing_keys.load() == key


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: key_in(tmp_path).sha256, range(4)))
    assert len(set(keys)) == 1


def test_pem_and_pkcs12_hold_the_same_key(tmp_path, settings):
    key = key_in(tmp_path)
    given_as_file(settings, tmp_path / "s.p12", as_pkcs12(key, "open sesame"), "open sesame")
    assert sealing_keys.load().sha256 == key.sha256
    assert sealing_keys.load().chain == key.chain
    # The order of certificates does not matter: the one that fits the key is the seal's.
    shuffled = pem(*key.chain, key.certificate) + private_pem(key)
    given_as_file(settings, tmp_path / "s.pem", shuffled)
    assert sealing_keys.load() == sealing_keys.read(tmp_path / key_making.SEAL_FILE)


@pytest.mark.parametrize(
    ("content", "passphrase", "sentence"),
    [
        (lambda key: as_pkcs12(key, "right"), "wrong", "CMED_SEAL_KEY_PASSPHRASE must open it"),
        (lambda key: b"", "", "must hold a private key"),
        (private_pem, "", "must hold a private key and its certificates"),
        (lambda key: private_pem(key) + pem(*key.chain), "", "no certificate for the private key"),
        (lambda key: private_pem(key) + pem(key.certificate), "", "add the chain"),
    ],
)
def test_a_file_that_cannot_seal_is_refused_with_a_sentence(
    tmp_path, settings, content, passphrase, sentence
):
    given_as_file(settings, tmp_path / "given", content(key_in(tmp_path)), passphrase)
    with pytest.raises(Misconfigured, match=sentence):
        sealing_keys.load()


def test_a_file_that_is_not_there_or_out_of_date_is_refused(tmp_path, settings, own_var):
    sealing_keys.load()
    with (
        time_machine.travel(timezone.now() + timedelta(days=4000)),
        pytest.raises(Misconfigured, match="rotate_seal_key"),
    ):
        sealing_keys.load()
    settings.SEAL_KEY_FILE = str(tmp_path / "nowhere.pem")
    with pytest.raises(Misconfigured, match="CMED_SEAL_KEY_FILE"):
        sealing_keys.load()


def test_a_damaged_root_is_told_and_not_replaced(own_var):
    sealing_keys.load()
    (own_var / "keys" / "seal-root.pem").write_text("gone")
    with pytest.raises(Misconfigured, match="restore it"):
        key_making.replace(own_var / "keys")
    assert (own_var / "keys" / "seal-root.pem").read_text() == "gone"


def test_a_full_disk_leaves_the_key_as_it_was_and_no_half_file(own_var):
    old = sealing_keys.load()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(Misconfigured, match="cannot be written"):
            key_making.replace(own_var / "keys")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert sealing_keys.load() == old
    assert {file.name for file in (own_var / "keys").iterdir()} == {"seal.pem", "seal-root.pem"}


@pytest.mark.django_db
def test_rotation_keeps_the_root_and_the_history(own_var):
    old = sealing_keys.load()
    row = certificates.rotate(by=log.OPERATOR)
    new = sealing_keys.load()
    assert new.sha256 == row.sha256 != old.sha256
    assert new.chain == old.chain
    assert list(certificates.history().values_list("sha256", flat=True)) == [new.sha256, old.sha256]
    entry = Entry.objects.get(kind=kinds.SEAL_KEY_ROTATED)
    assert (entry.actor, entry.subject) == ("operator", f"seal_certificate:{new.sha256}")
    assert entry.details["previous_sha256"] == old.sha256


@pytest.mark.django_db
def test_a_key_given_as_a_file_is_not_replaced(tmp_path, settings):
    settings.SEAL_KEY_FILE = str(tmp_path / "given.pem")
    with pytest.raises(Conflict, match="--folder"):
        certificates.rotate(by=log.OPERATOR)
    assert not SealCertificate.objects.exists()


@pytest.mark.django_db
def test_a_certificate_is_recorded_once_and_published_with_its_root_first(own_var):
    first = sealing_keys.load()
    certificates.record(first)
    certificates.record(first)
    assert Entry.objects.filter(kind=kinds.SEAL_CERTIFICATE_RECORDED).count() == 1
    certificates.rotate(by=log.OPERATOR)
    second = sealing_keys.load()
    text = certificates.published()
    listed = x509.load_pem_x509_certificates(text.encode())
    assert listed == [first.chain[0], second.certificate, first.certificate]
    for certificate in listed:
        assert f"SHA-256: {sealing_keys.fingerprint(certificate)}" in text
