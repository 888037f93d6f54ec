"""Verifying a release: every difference between store and records is named, on both stores."""

import io

import pytest
from django.db import connection

from requests_app.audit import guard, kinds, log
from requests_app.audit.guarded import GUARDED
from requests_app.audit.models import Entry
from requests_app.datasets.loading import load_dataset
from requests_app.datasets.models import File
from requests_app.distribution.packages import storage
from requests_app.distribution.publishing import publish_release
from requests_app.distribution.storage import staging
from requests_app.distribution.verifying import verify_release
from tests.factories.datasets import release_folder, write_card

pytestmark = pytest.mark.django_db
CLIP = "clips/hungry/gull-{:03d}.mp4"


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.processes)])
def release(request, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "settle", lambda: None)
    if request.param == "s3":
        request.getfixturevalue("bucket")
    dataset = load_dataset(card_path=write_card(tmp_path / "card.toml"), by=log.OPERATOR).dataset
    folder = release_folder(tmp_path / "release", clips=6)
    return publish_release(dataset=dataset, version="1.0", folder=folder, by=log.OPERATOR)


def overwrite(path: str, content: bytes | None) -> None:
    """Change or remove a stored file behind the portal's back."""
    store, key = storage(), f"gulls/1.0/{path}"
    if hasattr(store, "client"):
        about = {"Bucket": store.bucket, "Key": store.name(key)}
        if content is None:
            store.client.delete_object(**about)
        else:
            kept = store.head(key)["Metadata"] if store.exists(key) else {}
            store.client.put_object(**about, Body=content, Metadata=kept)
        return
    place = store._root / key
    place.unlink(missing_ok=True)
    if content is not None:
        place.write_bytes(content)


def found(release) -> dict[str, str]:
    return {each.path: str(each.kind) for each in verify_release(release=release, by=log.OPERATOR)}


def test_what_was_published_is_as_published(release):
    seen = []
    assert (
        verify_release(release=release, by=log.OPERATOR, progress=lambda *step: seen.append(step))
        == []
    )
    assert seen == [(number, 9) for number in range(1, 10)], "and manifest.sha256"


def test_every_difference_is_named(release):
    clip = f"clip {CLIP.format(2)}".encode()
    overwrite(CLIP.format(1), None)
    overwrite(CLIP.format(2), clip[:-1] + b"!")
    overwrite(CLIP.format(3), clip + b"!")
    overwrite("stray.mp4", b"stray")
    overwrite("manifest.sha256", b"")
    assert found(release) == {
        CLIP.format(1): "missing",
        CLIP.format(2): "changed",
        CLIP.format(3): "size",
        "stray.mp4": "extra",
        "manifest.sha256": "changed",
    }


def test_a_record_that_was_changed_is_found_by_the_manifest_s_digest(release):
    table = File._meta.db_table
    guard.remove(connection, table, GUARDED[table])
    release.files.filter(path=CLIP.format(4)).update(sha256="0" * 64)
    guard.install(connection, table, GUARDED[table])
    assert found(release)["(the records)"] == "changed"
    assert CLIP.format(4) in found(release)


def test_another_release_is_not_extra(release, tmp_path):
    storage().put("gulls/1.0.1/clip.mp4", io.BytesIO(b"clip"))
    assert verify_release(release=release, by=log.OPERATOR) == []


@pytest.mark.parametrize("release", ["local"], indirect=True)
def test_a_link_in_the_place_of_a_file_is_not_followed(release, tmp_path):
    (tmp_path / "copy").write_bytes(f"clip {CLIP.format(5)}".encode())
    overwrite(CLIP.format(5), None)
    (storage()._root / "gulls/1.0" / CLIP.format(5)).symlink_to(tmp_path / "copy")
    (difference,) = verify_release(release=release, by=log.OPERATOR)
    assert difference.kind in {"unreadable", "size"}


def test_what_was_checked_and_how_much_differed_is_entered(release):
    verify_release(release=release, by=log.OPERATOR)
    overwrite(CLIP.format(1), None)
    overwrite(CLIP.format(2), b"another clip")
    verify_release(release=release, by=log.OPERATOR)
    entries = Entry.objects.filter(kind=kinds.RELEASE_VERIFIED).order_by("pk")
    assert [entry.details["differences"] for entry in entries] == [0, 2]
    for entry in entries:
        assert (entry.subject, entry.actor) == (release.audit_ref, log.OPERATOR.audit_ref)
        told = (entry.details["manifest_sha256"], entry.details["files"])
        assert told == (release.manifest_sha256, release.file_count)
