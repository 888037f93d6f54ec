"""The signature over the manifest: made once, found when lost, and verified by openssl."""

import shutil
import subprocess

import pytest
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements import certificates, detached, sealing_keys
from requests_app.agreements.seal_revoking import revoke
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.distribution.manifest_signatures import sign_manifest, unsigned
from requests_app.distribution.models import ManifestSignature
from requests_app.distribution.packages import package_of
from requests_app.errors import Misconfigured, NotFound
from requests_app.lifecycle.sweep import sweep
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.factories.requests import DatasetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def release():
    return make_release(GrantFactory().dataset)


def verified(folder, manifest: bytes, signature: bytes) -> bool:
    """What a stranger's openssl thinks, given the published certificates and nothing else."""
    (folder / "manifest.sha256").write_bytes(manifest)
    (folder / "manifest.sha256.p7s").write_bytes(signature)
    (folder / "certificates.pem").write_text(certificates.published())
    asked = "-verify -binary -inform PEM -in manifest.sha256.p7s -content manifest.sha256"
    asked += " -CAfile certificates.pem -purpose any"
    ended = subprocess.run(
        [shutil.which("openssl"), "cms", *asked.split(), "-out", "/dev/null"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return ended.returncode == 0


def test_openssl_verifies_what_the_link_hands_out(client, release, tmp_path):
    sign_manifest(release_id=release.pk)
    link, token = make_link(release.dataset.grants.get())
    client.force_login(link.grant.applicant)
    signature, manifest = (
        client.get(reverse(f"release_{what}", args=[token, "1.0"])).getvalue()
        for what in ("signature", "manifest")
    )
    assert verified(tmp_path, manifest, signature)
    assert not verified(tmp_path, manifest.replace(b"clips/001", b"clips/009"), signature)
    assert reverse("release_signature", args=[token, "1.0"]) in (
        client.get(f"/d/{token}/").content.decode()
    )


def test_it_is_entered_with_the_root_digest(release):
    row = sign_manifest(release_id=release.pk)
    (entry,) = Entry.objects.filter(kind=kinds.MANIFEST_SIGNED)
    assert entry.details == {
        "manifest_sha256": release.manifest_sha256,
        "certificate_sha256": row.certificate.sha256,
    }


def test_run_twice_it_signs_once(release):
    first = sign_manifest(release_id=release.pk)
    assert sign_manifest(release_id=str(release.pk)) == first
    assert Entry.objects.filter(kind=kinds.MANIFEST_SIGNED).count() == 1


def test_a_release_whose_task_was_lost_is_found_by_the_sweep(
    django_capture_on_commit_callbacks,
):
    release = make_release(DatasetFactory())
    assert list(unsigned()) == [release]
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep()["manifests"] == 1
    assert bytes(ManifestSignature.objects.get().content).startswith(b"-----BEGIN")
    assert sweep()["manifests"] == 0


def test_until_then_there_is_none(client, release):
    _, token = make_link(release.dataset.grants.get())
    url = reverse("download_signature", args=[token])
    assert client.get(url).status_code == 404
    assert url not in client.get(f"/d/{token}/").content.decode()


def test_a_release_that_never_was():
    with pytest.raises(NotFound):
        sign_manifest(release_id=0)


def test_what_is_signed_is_the_root_of_the_release(release):
    assert package_of(release).manifest_sha256 == release.manifest_sha256


def test_nothing_is_signed_with_a_certificate_that_was_declared_invalid(release):
    row = certificates.record(sealing_keys.load())
    revoke(certificate=row.serial, since=timezone.now(), reason="Stolen.", by=log.OPERATOR)
    with pytest.raises(Misconfigured):
        sign_manifest(release_id=release.pk)
    assert not ManifestSignature.objects.exists()


def test_what_was_being_signed_when_it_was_declared_is_not_kept(release, monkeypatch):
    row, sign = certificates.record(sealing_keys.load()), detached.sign

    def declared_meanwhile(*given):
        revoke(certificate=row.serial, since=timezone.now(), reason="Stolen.", by=log.OPERATOR)
        return sign(*given)

    monkeypatch.setattr(detached, "sign", declared_meanwhile)
    with pytest.raises(Misconfigured):
        sign_manifest(release_id=release.pk)
    assert not ManifestSignature.objects.exists()
