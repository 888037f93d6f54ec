"""Where the current act comes from. Web middleware sets it; verbs need not pass it along."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The client's IP address and user agent; both empty for work that has no client."""

    ip: str = ""
    user_agent: str = ""


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - frozen


def current() -> Origin:
    return _origin.get()


@contextmanager
def acting_from(origin: Origin) -> Iterator[None]:
    """Makes `origin` the source of every entry recorded inside the block."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
