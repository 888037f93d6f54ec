"""Makes the evidence append-only in the database itself."""

from django.db import migrations

from requests_app.audit import guard
from requests_app.audit.guarded import GUARDED


def protect(apps, schema_editor):
    for table, refused in existing(schema_editor):
        guard.install(schema_editor.connection, table, refused)


def release(apps, schema_editor):
    for table, refused in existing(schema_editor):
        guard.remove(schema_editor.connection, table, refused)


def existing(schema_editor):
    """A table that a later migration makes is guarded there."""
    tables = set(schema_editor.connection.introspection.table_names())
    return [(table, refused) for table, refused in GUARDED.items() if table in tables]


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0001_initial")]
    operations = [migrations.RunPython(protect, release)]
