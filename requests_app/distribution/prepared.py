"""Queries that are written once, compiled once for each connection, and from then on only sent.

Django compiles a query whenever it is evaluated, and for one of many tables that takes longer than
the database needs for it. The gate asks the same few questions thousands of times; here they are
querysets with parameters in place of values.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models import Expression, QuerySet
from django.db.models.query import ModelIterable

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Stands among a compiled query's values for one that is given later."""

    name: str
    field: "models.Field[Any, Any]"
    shift: timedelta | None

    def value(self, given: dict[str, Any]) -> Any:
        value = given[self.name]
        if self.shift is not None:
            value += self.shift
        return self.field.get_db_prep_value(value, connection)


class Parameter(Expression):
    """A value that is given when the query is sent; an instant may be moved by a `timedelta`."""

    def __init__(
        self, name: str, field: "models.Field[Any, Any]", shift: timedelta | None = None
    ) -> None:
        super().__init__(output_field=field)
        self._slot = _Slot(name, field, shift)

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Returns a place for the value, and what stands for it until then."""
        return "%s", [self._slot]

    def __sub__(self, other: object) -> "Parameter":  # type: ignore[override]
        if not isinstance(other, timedelta):
            return NotImplemented
        slot = self._slot
        return Parameter(slot.name, slot.field, (slot.shift or timedelta()) - other)


class Prepared(Generic[M]):
    """A question that is asked often; `write` gets a `Parameter` for each of `fields`, by name."""

    def __init__(
        self, write: Callable[..., "QuerySet[M]"], **fields: "models.Field[Any, Any]"
    ) -> None:
        self._write, self._fields = write, fields
        self._of_thread = threading.local()  # as Django's connections are

    def first(self, **values: Any) -> M | None:
        """Returns the first row for these values, None when there is none. One query."""
        compiled: _Compiled[M] | None = getattr(self._of_thread, "compiled", None)
        if compiled is None:
            given = {name: Parameter(name, field) for name, field in self._fields.items()}
            compiled = self._of_thread.compiled = _Compiled(self._write(**given)[:1])
        return next(iter(compiled.rows(values)), None)


class _Compiled(Generic[M]):
    """A query as one connection, and so one thread, sends it."""

    def __init__(self, rows: "QuerySet[M]") -> None:
        self._rows = rows
        compiler = rows.query.get_compiler(using=rows.db)
        self._sql, self._slots = compiler.as_sql()
        self._values: dict[str, Any] = {}
        # Rows become objects by Django's own way, which asks the query for its compiler and that
        # for its text: only the text is ours.
        compiler.as_sql = self._as_sql
        rows.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]

    def rows(self, values: dict[str, Any]) -> "ModelIterable[M]":
        """Returns the objects for these values, asked for when they are iterated over."""
        self._values = values
        return ModelIterable(self._rows)

    def _as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        return self._sql, tuple(
            slot.value(self._values) if isinstance(slot, _Slot) else slot for slot in self._slots
        )
