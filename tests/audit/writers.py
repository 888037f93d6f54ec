"""Processes that write into one log at once while a sealer runs: run by its path, or by the bench.

Prints what is in the log at the end, as JSON. Each deed is a sign-in: it moves a row of its own and
records one entry in the same transaction.
"""

import json
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

WRITERS = 8
ENTRIES = int(os.environ.get("LOG_WRITERS_ENTRIES", "400"))
FORK = multiprocessing.get_context("fork")
SEALED, OVER = FORK.Event(), FORK.Event()
"""That the sealer has sealed something, and that it may end."""


class Deed(NamedTuple):
    """One deed by the machine's clock: before it began, after it was committed; and its entry."""

    began: float
    ended: float
    entry: int | None


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    written = write(ENTRIES // WRITERS, pause=0.0, unlogged=False)
    sys.stdout.write(json.dumps(account(written)))


def account(written: list[Deed]) -> dict[str, int | bool]:
    """Seals what is left and returns what the log then holds, of the deeds with an entry."""
    from requests_app.audit import checkpoints, verifying  # noqa: PLC0415 - needs a set-up Django
    from requests_app.audit.models import Entry, Leaf, Unsequenced  # noqa: PLC0415 - same

    checkpoints.seal()
    logged = [deed for deed in written if deed.entry is not None]
    placed = dict(Leaf.objects.values_list("place", "entry_id"))
    found = verifying.verify(progress=lambda done, total: None)
    return {
        "deeds": len(logged),
        "entries": Entry.objects.count(),
        "gapless": sorted(placed) == list(range(len(placed))),
        "placed": len(set(placed.values())),
        "waiting": Unsequenced.objects.count(),
        "verified": found.size,
        "checkpoints": found.checkpoints,
        "overtaken": overtaken(logged, placed),
    }


def write(each: int, *, pause: float, unlogged: bool) -> list[Deed]:
    """Has every writer do its deeds beside a sealer; `unlogged` adds as many without an entry.

    Writers pause `pause` seconds on average after a deed. Raises what a writer raises, and
    RuntimeError when the sealer failed.
    """
    connection.close()
    SEALED.clear()
    OVER.clear()
    sealer = FORK.Process(target=seal)
    sealer.start()
    try:
        with ProcessPoolExecutor(WRITERS, mp_context=FORK) as processes:
            writers = [
                processes.submit(deeds, number, each, pause, unlogged=unlogged)
                for number in range(WRITERS)
            ]
            written = [deed for writer in writers for deed in writer.result()]
    finally:
        OVER.set()
        sealer.join()
    if sealer.exitcode:
        raise RuntimeError("the sealer failed")
    return written


def seal() -> None:
    """Seals until told that it is over."""
    from requests_app.audit import checkpoints  # noqa: PLC0415 - needs a set-up Django

    while not OVER.wait(0.05):
        if checkpoints.seal():
            SEALED.set()
    connection.close()


def deeds(number: int, count: int, pause: float, *, unlogged: bool) -> list[Deed]:
    """Does the deeds of one writer; some transactions stay open for a while after their entry."""
    from requests_app.identity.models import User  # noqa: PLC0415 - needs a set-up Django

    chance, done = random.Random(number), []
    address = f"{number}@example.edu"
    user, _ = User.objects.get_or_create(email=address, defaults={"canonical_email": address})
    for turn in range(count):
        if turn == count // 2 and not SEALED.wait(60):
            raise RuntimeError("nothing was sealed")
        for logged in (True, False)[:: 1 - 2 * (turn % 2)] if unlogged else (True,):
            done.append(
                sign_in(user.pk, logged=logged, linger=not unlogged and chance.random() < 0.1)
            )
            if pause:
                time.sleep(chance.expovariate(1 / pause))
    connection.close()
    return done


def sign_in(user: int, *, logged: bool, linger: bool) -> Deed:
    """Does one deed."""
    from requests_app.audit import kinds, log  # noqa: PLC0415 - needs a set-up Django
    from requests_app.audit.origin import Origin, acting_from  # noqa: PLC0415 - same
    from requests_app.identity.models import User  # noqa: PLC0415 - same

    entry, began = None, time.monotonic()
    with acting_from(Origin("192.0.2.7", "curl/8")), transaction.atomic():
        User.objects.filter(pk=user).update(last_login=timezone.now())
        if logged:
            who = log.Named(f"user:{user}")
            entry = log.record(kinds.SIGNED_IN, by=who, on=who, method="password").pk
        if linger:
            time.sleep(0.005)
    return Deed(began, time.monotonic(), entry)


def overtaken(written: list[Deed], placed: dict[int, int]) -> int:
    """How many entries stand before one that was committed before their transaction began."""
    by_entry = {deed.entry: deed for deed in written}
    count, earliest_end = 0, float("inf")
    for place in sorted(placed, reverse=True):
        deed = by_entry[placed[place]]
        count += earliest_end < deed.began
        earliest_end = min(earliest_end, deed.ended)
    return count


if __name__ == "__main__":
    main()
