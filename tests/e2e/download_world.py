"""Fills a fresh database and file store with one release and one link, and prints the link.

Run as `python -m tests.e2e.download_world` with the settings of the server that will serve it.
"""

import json
import os
import random
import sys
from collections.abc import Iterable
from hashlib import sha256

import django
from django.core.management import call_command

# Benchmarks want more.
CLIPS = int(os.environ.get("WORLD_CLIPS", "60"))
CLIP_BYTES = int(os.environ.get("WORLD_CLIP_BYTES", "150000"))
LARGE_BYTES = int(os.environ.get("WORLD_LARGE_BYTES", "200000000"))


def varied(size: int) -> bytes:
    """Bytes among which a part in the wrong place is noticed."""
    period = random.Random(size).randbytes(999_983)
    return (period * (size // len(period) + 1))[:size]


def main() -> None:
    """Migrate, publish, issue; print what the tests need to know as JSON."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)  # error pages need them
    from requests_app.distribution.packages import (  # noqa: PLC0415 - needs the registry
        package_of,
        storage,
    )
    from requests_app.distribution.streams import stream  # noqa: PLC0415 - same
    from tests.factories.distribution import (  # noqa: PLC0415 - same
        GrantFactory,
        make_link,
        make_release,
    )
    from tests.factories.requests import DatasetFactory  # noqa: PLC0415 - same

    chance = random.Random(20260304)
    clips = {f"clips/{n:03}.mp4": chance.randbytes(CLIP_BYTES + n) for n in range(CLIPS)}
    dataset = DatasetFactory(slug="gulls")
    release = make_release(dataset, files=clips | {"labels.csv": b"path\n"})
    large = DatasetFactory(slug="whales")
    hole = {"large.mp4": int(os.environ["WORLD_HOLE"])} if "WORLD_HOLE" in os.environ else None
    content = varied(LARGE_BYTES)
    make_release(large, files={"large.mp4": content}, holes=hole)
    package = package_of(release)
    archives = {form: package_of(release, form=form).archive for form in ("zip", "tar")}
    grant = GrantFactory(agreement__access_request__dataset=dataset)
    json.dump(
        {
            "token": make_link(grant)[1],
            "large_token": make_link(GrantFactory(agreement__access_request__dataset=large))[1],
            "archives": {
                form: _digest(stream(storage(), layout.segments(0, layout.length)))
                for form, layout in archives.items()
            },
            "large_digest": sha256(content).hexdigest(),
            "zip_length": package.archive.length,
            "digests": {path: sha256(content).hexdigest() for path, content in clips.items()},
        },
        sys.stdout,
    )


def _digest(blocks: Iterable[bytes]) -> str:
    found = sha256()
    for block in blocks:
        found.update(block)
    return found.hexdigest()


if __name__ == "__main__":
    main()
