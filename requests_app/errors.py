"""Everything the rooms raise on purpose. Each carries a sentence for a person.

No HTTP status lives here: faces translate an error into whatever their medium needs.
"""

from collections.abc import Mapping, Sequence


class PortalError(Exception):
    """Root of the domain's errors; `message` is a sentence that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(PortalError):
    """This person may not do this."""


class Conflict(PortalError):
    """The state does not allow it (any more), or somebody else was first."""


class NotFound(PortalError):
    """There is no such thing, or none that this person may know of."""


class Invalid(PortalError):
    """The input is wrong; `fields` maps each field to its sentences."""

    def __init__(self, message: str, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.fields = {name: list(sentences) for name, sentences in (fields or {}).items()}


class Misconfigured(PortalError):
    """The installation lacks a setting, key, package or file it needs."""
