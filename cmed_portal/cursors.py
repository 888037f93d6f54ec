"""PostgreSQL's cursor: a plan that a migration left behind is no reason to fail."""

from typing import Any

import psycopg
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus


class Cursor(ServerBindingCursor, psycopg.Cursor[Any]):
    """Asks once more, unprepared, where a prepared statement has another result by now.

    A column became longer, or is of another type: PostgreSQL refuses the statement until its
    connection ends, which may be ten minutes. Within a transaction it cannot be asked again; when
    that is rolled back, psycopg forgets all that it prepared.
    """

    def execute(
        self,
        query: Any,
        params: Any = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Any:
        """As psycopg's."""
        try:
            return super().execute(query, params, prepare=prepare, binary=binary)
        except FeatureNotSupported:
            if self.connection.info.transaction_status is not TransactionStatus.IDLE:
                raise
            return super().execute(query, params, prepare=False, binary=binary)
