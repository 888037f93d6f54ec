"""Indexes that nobody asks, or that another begins like, are written for every download.

PostgreSQL keeps a second index of each indexed text, for LIKE, with which the log is never
searched; and an index of a personal value's entry begins like its unique constraint. On SQLite
neither costs what making these tables anew would.
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

FIND = """
    SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND (
        (tablename = 'requests_app_entry' AND indexname LIKE '%%\\_like')
        OR (tablename = 'requests_app_personalvalue' AND indexdef LIKE '%%(entry_id)')
    )
"""


def drop(apps: Any, schema_editor: Any) -> None:
    """Drops them, on PostgreSQL."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FIND)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0016_agreement_limits")]

    operations = [
        migrations.RunPython(drop, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="transfer",
            name="grant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfers",
                to="requests_app.grant",
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="link",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfers",
                to="requests_app.downloadlink",
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="access_token",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfers",
                to="requests_app.accesstoken",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("promised__gt", 262144), ("settled_at", None)),
                fields=["grant"],
                name="transfer_running",
            ),
        ),
    ]
