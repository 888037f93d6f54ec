"""Releases with real bytes in the store, grants in any state, and links with their tokens."""

import hashlib
import io
import os
import zlib
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from requests_app import conf
from requests_app.agreements.models import Agreement, AgreementText
from requests_app.datasets.manifest import manifest
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution.models import AccessToken, DownloadLink, Grant
from requests_app.distribution.packages import storage
from requests_app.distribution.tokens import Sort, digest, new_secret, write_token
from requests_app.requests.states import State
from tests.factories.requests import AccessRequestFactory, DatasetFactory


class ApprovedRequestFactory(AccessRequestFactory):
    """A request that was approved; what it was approved on is not looked at here."""

    state = State.APPROVED


class AgreementTextFactory(DjangoModelFactory):
    class Meta:
        model = AgreementText
        django_get_or_create = ("dataset", "number")

    dataset = factory.SubFactory(DatasetFactory)
    number = 1
    body = "Be kind to gulls."
    sha256 = "0" * 64


class AgreementFactory(DjangoModelFactory):
    class Meta:
        model = Agreement

    number = factory.Sequence(lambda n: f"GULLS-{n:05}")
    access_request = factory.SubFactory(ApprovedRequestFactory)
    text = factory.SubFactory(
        AgreementTextFactory, dataset=factory.SelfAttribute("..access_request.dataset")
    )
    signer = factory.SelfAttribute("access_request.applicant")
    values = factory.Dict({})
    evidence = factory.Dict({})


class GrantFactory(DjangoModelFactory):
    class Meta:
        model = Grant

    agreement = factory.SubFactory(AgreementFactory)
    access_request = factory.SelfAttribute("agreement.access_request")
    applicant = factory.SelfAttribute("access_request.applicant")
    dataset = factory.SelfAttribute("access_request.dataset")
    starts_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))
    ends_at = factory.LazyAttribute(lambda made: made.starts_at + timedelta(days=365))


def make_link(grant: Grant | None = None, **changes: Any) -> tuple[DownloadLink, str]:
    """A link that lives for two weeks unless told otherwise, and its token."""
    secret, now = new_secret(), timezone.now()
    facts = {"created_at": now - timedelta(minutes=1), "expires_at": now + timedelta(days=14)}
    link = DownloadLink.objects.create(
        grant=grant or GrantFactory(), secret_sha256=digest(secret), **(facts | changes)
    )
    return link, write_token(link.pk, secret)


def make_access_token(grant: Grant | None = None, **changes: Any) -> tuple[AccessToken, str]:
    """A token for command lines, and its text."""
    secret = new_secret()
    facts = {"name": "cluster", "secret_sha256": digest(secret)}
    token = AccessToken.objects.create(grant=grant or GrantFactory(), **(facts | changes))
    return token, write_token(token.pk, secret, Sort.ACCESS)


def make_release(
    dataset: Dataset,
    version: str = "1.0",
    files: dict[str, bytes] | None = None,
    marks: dict[str, tuple[str, str | None]] | None = None,
    holes: dict[str, int] | None = None,
    **changes: Any,
) -> Release:
    """A published release of small files, its bytes in the store.

    Clips are labelled "hungry" and in no split, unless `marks` has (label, split) for their path.
    In a folder those in `holes` are as large as it says by a hole, which their digests leave out.
    """
    if files is None:
        clips = {f"clips/{n:03}.mp4": f"clip {n} ".encode() * 100 * n for n in (1, 2, 3)}
        files = {"labels.csv": b"path,label,participant_code\n"} | clips
    rows = [
        _file(path, content, (marks or {}).get(path, ("hungry", None)))
        for path, content in files.items()
    ]
    for row in rows:
        row.size = (holes or {}).get(row.path, row.size)
    text = manifest((row.path, row.sha256) for row in rows)
    facts = {
        "published_at": timezone.now() - timedelta(hours=1),
        "file_count": len(rows),
        "total_bytes": sum(row.size for row in rows),
        "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    release = Release.objects.create(dataset=dataset, version=version, **(facts | changes))
    for row, content in zip(rows, files.values(), strict=True):
        row.release = release
        storage().put(f"{release.storage_prefix}/{row.path}", io.BytesIO(content))
        if row.size != len(content):
            os.truncate(conf.files_dir() / release.storage_prefix / row.path, row.size)
    File.objects.bulk_create(rows)
    return release


def _file(path: str, content: bytes, mark: tuple[str, str | None]) -> File:
    is_clip = path.endswith(".mp4")
    return File(
        path=path,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        crc32=zlib.crc32(content),
        label=mark[0] if is_clip else "",
        split=mark[1] if is_clip else None,
        participant_code="P001" if is_clip else "",
    )
