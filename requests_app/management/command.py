"""What the portal's commands share: exit codes, `--json`, and errors as sentences.

Exit codes: 0 success, 1 a failed check, 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from requests_app.errors import Invalid, PortalError
from requests_app.management.progress import ProgressBar

MAY_NOT: Final = (
    "Nothing was done: the database does not let this container do it. Run it in the worker's."
)
_NO_RIGHT: Final = "42501"  # of PostgreSQL: see docker/roles.sql


class Stopped(CommandError):
    """The command could not do it; its text is for the person at the terminal."""


class PortalCommand(BaseCommand, ABC):
    """A command that calls one verb. Subclasses write ``run``, which returns what was done.

    ``run`` gives the data of the result; ``describe`` turns it into lines for a person. With
    ``--json`` the data are printed instead.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            result = self.run(options)
        except PortalError as error:
            raise Stopped("\n".join(sentences(error)), returncode=1) from error
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            reason = error.strerror or str(error)
            raise Stopped(f"It was not done: {reason}{where}.", returncode=1) from error
        except ProgrammingError as error:
            if getattr(error.__cause__, "sqlstate", "") != _NO_RIGHT:
                raise
            raise Stopped(MAY_NOT, returncode=1) from error
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(self.describe(result))

    @abstractmethod
    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Calls the verb; returns what was done, as JSON-ready data."""

    @abstractmethod
    def describe(self, result: dict[str, Any]) -> str:
        """Returns the result as lines for a person."""

    def progress(self, title: str) -> ProgressBar:
        """A progress bar on standard error, so that it never mixes with the result."""
        return ProgressBar(sys.stderr, title)


def sentences(error: PortalError) -> list[str]:
    """The error for a terminal: each fault on a line of its own where it names several."""
    faults = [fault for field in getattr(error, "fields", {}).values() for fault in field]
    return faults if isinstance(error, Invalid) and faults else [error.message]


def existing_file(text: str) -> Path:
    """Argument type: the path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def existing_folder(text: str) -> Path:
    """Argument type: the path of a folder that is there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def checked(check: Callable[[str], str]) -> Callable[[str], str]:
    """Argument type from a function that raises ``Invalid``: a usage error instead."""

    def convert(text: str) -> str:
        try:
            return check(text)
        except Invalid as error:
            raise argparse.ArgumentTypeError(error.message) from error

    return convert
