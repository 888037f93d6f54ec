"""Rows into a table by a statement that never changes, however many they are.

Django writes and PostgreSQL plans a statement for each number of rows, and every value is converted
by itself; here all of them are one JSON text.
"""

from collections.abc import Sequence

import orjson
from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Inserts rows of one model, with their keys and no field that JSON cannot say. One query.

    As with `bulk_create`, no signal is sent; what only the database fills is not read back.
    """
    if connection.vendor != "postgresql":
        type(rows[0])._default_manager.bulk_create(rows)  # noqa: SLF001 - public
        return
    meta = rows[0]._meta  # noqa: SLF001 - public
    columns = [(field.column, field.attname) for field in meta.concrete_fields]
    told = [{column: getattr(row, name) for column, name in columns} for row in rows]
    table = connection.ops.quote_name(meta.db_table)
    statement = f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608 - a name of ours
    with connection.cursor() as cursor:
        cursor.execute(statement, [orjson.dumps(told).decode()])
