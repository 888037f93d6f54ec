"""Seals with processes that are killed at random, in a database of its own: run by its path.

Prints how many were killed in the middle, and what is in the log at the end, as JSON.
"""

import json
import os
import random
import signal
import sys
import time

import django
from django.core.management import call_command
from django.db import connection, transaction

from tests.e2e.person import until

WAITING, KILLS = 600, 50
"""So many entries wait at each start that no sealer can be done before it is killed."""


def main() -> None:
    django.setup()
    from requests_app.audit import (  # noqa: PLC0415 - needs a set-up Django
        checkpoints,
        kinds,
        log,
        sequencing,
        verifying,
    )
    from requests_app.audit.models import Entry, Leaf, Unsequenced  # noqa: PLC0415 - same

    call_command("migrate", verbosity=0)
    whole, sequencing.BATCH = sequencing.BATCH, 2
    killed, chance = 0, random.Random(7)
    for number in range(KILLS):
        with transaction.atomic():
            for _ in range(WAITING - Unsequenced.objects.count()):
                log.record(
                    kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method="password"
                )
        placed = Leaf.objects.count()
        connection.close()
        if not (child := os.fork()):
            checkpoints.seal()
            os._exit(0)
        time.sleep(chance.uniform(0.01, 0.12))
        if number % 5 == 0:  # however slow the machine is, some are killed in the middle
            until("a place was given", lambda before=placed: Leaf.objects.count() > before)
            connection.close()
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    halfway, sequencing.BATCH = Leaf.objects.count(), whole
    checkpoints.seal()
    places = list(Leaf.objects.order_by("place").values_list("place", flat=True))
    placed = Leaf.objects.values("entry").distinct().count()
    found = verifying.verify(progress=lambda done, total: None)
    told = {
        "killed": killed,
        "halfway": halfway,
        "gapless": places == list(range(len(places))),
        "entries": Entry.objects.count(),
        "placed": placed,
        "size": found.size,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
