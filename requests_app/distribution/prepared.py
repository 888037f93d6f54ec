"""Queries that are written once, compiled once in each process, and from then on only sent.

Django compiles a query whenever it is evaluated, and for one of many tables that takes longer than
the database needs for it. The gate asks the same few questions thousands of times; here they are
querysets with parameters in place of values.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection, models
from django.db.models import CharField, Expression, Lookup, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Stands among a compiled query's values for one that is given later."""

    name: str
    field: "models.Field[Any, Any]"
    shift: timedelta | None

    def value(self, given: dict[str, Any]) -> Any:
        value = given[self.name]
        if isinstance(value, list):
            return _sent_together(
                [self.field.get_db_prep_value(each, connection) for each in value]
            )
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


class AnyOf(Lookup):
    """Whether a column is one of a `Parameter` that is given a list: one text however many."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """PostgreSQL's way."""
        return self._sql("{} = ANY({})", compiler, connection)

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """SQLite's, which has no arrays."""
        return self._sql("{} IN (SELECT value FROM json_each({}))", compiler, connection)

    def _sql(self, form: str, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, before = self.process_lhs(compiler, connection)
        values, after = self.process_rhs(compiler, connection)
        return form.format(column, values), [*before, *after]


CharField.register_lookup(AnyOf)


def _sent_together(values: list[Any]) -> Any:
    return values if connection.vendor == "postgresql" else json.dumps(values)


class Prepared(Generic[M]):
    """A question that is asked often; `write` gets a `Parameter` for each of `fields`, by name."""

    def __init__(
        self, write: Callable[..., "QuerySet[M]"], **fields: "models.Field[Any, Any]"
    ) -> None:
        self._write, self._fields = write, fields
        self._compiled: _Compiled[M] | None = None

    def all(self, **values: Any) -> list[M]:
        """Returns the rows for these values. One query.

        A question changes nothing, so it is asked again over a new connection where the old one has
        gone: nothing else need find out beforehand.
        """
        compiled = self._compiled
        if compiled is None:  # by two threads at once, it is the same twice
            given = {name: Parameter(name, field) for name, field in self._fields.items()}
            compiled = self._compiled = _Compiled(self._write(**given))
        if connection.in_atomic_block:
            return compiled.all(values)
        connection.health_check_done = True  # type: ignore[attr-defined]  # as Django has it
        try:
            return compiled.all(values)
        except (OperationalError, InterfaceError):
            connection.close()
            return compiled.all(values)


class _Compiled(Generic[M]):
    """A query as every connection sends it, and how its row becomes an object.

    The latter is what `ModelIterable` does for every evaluation anew.
    """

    def __init__(self, rows: "QuerySet[M]") -> None:
        compiler = rows.query.get_compiler(using=rows.db)
        self._sql, self._slots = compiler.as_sql()
        info, self._alias = compiler.klass_info, rows.db
        self._model, own = info["model"], info["select_fields"]
        self._own = slice(own[0], own[-1] + 1)
        self._names = [column.target.attname for column, _, _ in compiler.select[self._own]]
        self._related = get_related_populators(  # type: ignore[call-arg]  # of a newer Django
            info, compiler.select, self._alias
        )
        self._annotations = compiler.annotation_col_map or {}
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        self._converted = partial(compiler.apply_converters, converters=converters)

    def all(self, values: dict[str, Any]) -> list[M]:
        """Returns the objects for these values."""
        given = [slot.value(values) if isinstance(slot, _Slot) else slot for slot in self._slots]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, given)
            found = cursor.fetchall()
        return [self._made(row) for row in self._converted(found)]

    def _made(self, row: Sequence[Any]) -> M:
        made: M = self._model.from_db(self._alias, self._names, row[self._own])
        for related in self._related:
            related.populate(row, made)
        for name, column in self._annotations.items():
            setattr(made, name, row[column])
        return made
