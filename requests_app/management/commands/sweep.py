"""`manage.py sweep`: queue again what was lost on the way to the queue."""

from typing import Any

from requests_app.lifecycle.sweep import sweep
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = "Find work whose task was lost, and queue it again. Beat does this every minute."

    def run(self, _options: dict[str, Any]) -> dict[str, Any]:
        return sweep()

    def describe(self, result: dict[str, Any]) -> str:
        return (
            "Waiting, and queued again: "
            + ", ".join(f"{name} {count}" for name, count in result.items())
            + "."
        )
