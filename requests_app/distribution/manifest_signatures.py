"""The portal's signature over the manifest of a release.

The manifest names the SHA-256 of every file and its own SHA-256 is the release's root digest, so
one signature vouches for every byte. Only the worker reads the key; publishing leaves a release
without a signature, which is work.
"""

from django.db import transaction
from django.db.models import QuerySet

from requests_app.agreements import certificates, detached, sealing_keys
from requests_app.agreements.seal_revoking import require_unrevoked
from requests_app.audit import kinds, log
from requests_app.datasets.models import Release
from requests_app.distribution.models import ManifestSignature
from requests_app.distribution.packages import package_of
from requests_app.errors import NotFound


def unsigned() -> QuerySet[Release]:
    """Returns the releases whose manifest is not signed yet, oldest first."""
    return Release.objects.filter(manifest_signature__isnull=True).order_by("published_at")


def sign_manifest(*, release_id: int | str) -> ManifestSignature:
    """Signs the manifest of a release; returns its signature, the one there is if there is one.

    Safe to run twice and by two workers at once: one of them writes. Raises NotFound for an unknown
    release, Misconfigured without a usable key, StorageError when the records of the files are not
    those that were published. Effects, in one transaction: the row, the certificate's row if it is
    new, one entry.
    """
    release = Release.objects.select_related("dataset").filter(pk=release_id).first()
    if release is None:
        raise NotFound("There is no such release.")
    made = ManifestSignature.objects.filter(release=release).first()
    if made is not None:
        return made
    key = sealing_keys.load()
    require_unrevoked(key)
    content = detached.sign(package_of(release).manifest, key)
    with transaction.atomic():
        require_unrevoked(key)  # it may have been declared since
        row, created = ManifestSignature.objects.get_or_create(
            release=release, defaults={"content": content, "certificate": certificates.record(key)}
        )
        if created:
            log.record(
                kinds.MANIFEST_SIGNED,
                by=log.SYSTEM,
                on=release,
                manifest_sha256=release.manifest_sha256,
                certificate_sha256=key.sha256,
            )
    return row
