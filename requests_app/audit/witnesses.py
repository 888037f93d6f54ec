"""Having checkpoints cosigned by witnesses elsewhere (C2SP tlog-witness, tlog-cosignature).

A witness signs only what goes on from the last checkpoint it signed, so a log that shows different
people different histories gets no cosignature for the second one.
"""

import base64
import logging
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet

from requests_app import conf
from requests_app.audit import outsider, posting, tree
from requests_app.audit.models import CheckpointPost, SignedCheckpoint, WitnessSignature
from requests_app.audit.outsider import Wrong
from requests_app.errors import PortalError

logger = logging.getLogger(__name__)

_SECONDS: Final = 10
_MOST: Final = 64 * 1024
SIZE: Final = "text/x.tlog.size"


def waiting() -> QuerySet[CheckpointPost]:
    """Returns the witnesses that wait for the latest checkpoint."""
    return posting.due(conf.log_witnesses())


def ask_witness(*, post_id: int | str) -> bool:
    """Has a witness cosign the latest checkpoint; returns whether this call got it.

    Whatever the witness or the network does is kept in its row, and the sweep tries again after
    ever longer pauses. Effects: the cosignature beside the checkpoint. No entry: it would ask for
    another checkpoint, and that for another cosignature.
    """
    claimed = posting.claim(post_id, conf.log_witnesses())
    if claimed is None:
        return False
    post, checkpoint = claimed
    key = outsider.parse_key(conf.log_witnesses()[post.receiver], outsider.COSIGNATURE)
    try:
        lines = _cosignatures(post, checkpoint, key)
    except (Wrong, PortalError, OSError, HTTPException, ValueError) as error:
        logger.warning("witness %s did not cosign size %s: %s", key.name, checkpoint.size, error)
        posting.failed(post, f"{type(error).__name__}: {error}")
        return False
    with transaction.atomic():
        WitnessSignature.objects.get_or_create(
            checkpoint=checkpoint, witness=key.name, defaults={"lines": lines}
        )
        posting.accepted(post, checkpoint, every=conf.log_witness_interval())
    return True


def published(checkpoint: SignedCheckpoint) -> str:
    """Returns the note with the cosignatures that it has by now below."""
    found = checkpoint.witness_signatures.values_list("lines", flat=True)
    return checkpoint.note + "".join(found)


def latest_witnessed() -> SignedCheckpoint | None:
    """Returns the newest checkpoint that a witness has cosigned."""
    found = WitnessSignature.objects.select_related("checkpoint").order_by("-checkpoint_id")
    newest = found.first()
    return newest.checkpoint if newest else None


def require_cosigned(key: outsider.Key) -> None:
    """Raises Wrong for a stored cosignature that spoils its note, or that its witness did not make.

    The latter is told of witnesses that the settings name, by the key that they name.
    """
    told = [
        outsider.parse_key(each, outsider.COSIGNATURE) for each in conf.log_witnesses().values()
    ]
    known = {each.id: each for each in told}
    rows = WitnessSignature.objects.select_related("checkpoint").order_by("pk")
    with closing(row for row in rows.iterator()) as stored:
        for row in stored:
            try:
                outsider.open_note(f"{row.checkpoint.note}{row.lines}", key)
                _require_made(row, known)
            except Wrong as error:
                raise Wrong(
                    f"What {row.witness} cosigned of the checkpoint of size {row.checkpoint_id:,} "
                    f"was changed: {error}"
                ) from error


def _require_made(row: WitnessSignature, known: dict[bytes, outsider.Key]) -> None:
    lines = row.lines.splitlines()
    for line in lines:
        _, name, encoded = line.split(" ", 2)
        witness = known.get(base64.b64decode(encoded)[:4])
        if name != row.witness or (witness and not _holds(row.checkpoint, line, witness)):
            raise Wrong("It did not sign that.")
    if not lines:
        raise Wrong("Its signature is gone.")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    media_type: str
    body: str


def _cosignatures(post: CheckpointPost, checkpoint: SignedCheckpoint, key: outsider.Key) -> str:
    answer = _ask(post.receiver, checkpoint, post.size)
    if answer.status == 409 and answer.media_type == SIZE:
        told = answer.body.removesuffix("\n")
        if not (told.isascii() and told.isdigit() and len(told) <= 18):
            raise Wrong(f"The witness told no size: {told[:50]!r}")
        has = int(told)
        if has > checkpoint.size:
            raise Wrong(f"The witness knows a log of this name with {has:,} entries: ask it how.")
        answer = _ask(post.receiver, checkpoint, has)
    if answer.status != 200:
        raise Wrong(f"The witness answered {answer.status}: {answer.body[:200]}")
    lines = [line for line in answer.body.splitlines() if _holds(checkpoint, line, key)]
    if not lines:
        raise Wrong("The witness returned no cosignature that its key made.")
    return "".join(f"{line}\n" for line in lines)


def _holds(checkpoint: SignedCheckpoint, line: str, key: outsider.Key) -> bool:
    try:
        outsider.cosigned_at(f"{checkpoint.note}{line}\n", key)
    except Wrong:
        return False
    return True


def _ask(url: str, checkpoint: SignedCheckpoint, known: int) -> _Answer:
    """Posts the checkpoint with the proof that it goes on from the size the witness knows."""
    proof = tree.consistency(first=known, second=checkpoint.size) if known else []
    hashes = [base64.b64encode(each).decode() for each in proof]
    body = "\n".join([f"old {known}", *hashes, "", checkpoint.note])
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_SECONDS)
    try:
        # http.client follows no redirect: what the operator named is what is asked.
        connection.request("POST", f"{address.path.rstrip('/')}/add-checkpoint", body.encode())
        answer = connection.getresponse()
        content = answer.read(_MOST).decode()
        return _Answer(answer.status, answer.headers.get_content_type(), content)
    finally:
        connection.close()
