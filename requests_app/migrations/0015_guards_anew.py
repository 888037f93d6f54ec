"""The guards as `audit.guard` writes them now; the words of a decision may be emptied."""

from django.db import migrations

from requests_app.audit import guard
from requests_app.audit.guarded import GUARDED


def renew(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        # A table with checks that wait for the end of the transaction cannot be altered.
        connection.check_constraints()
    present = set(connection.introspection.table_names())
    for table, refused in GUARDED.items():
        if table in present:
            guard.remove(connection, table, refused)
            guard.install(connection, table, refused)


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0014_failed_documents")]
    operations = [
        # Last when this is taken back: SQLite makes the table anew, without its triggers.
        migrations.RunPython(migrations.RunPython.noop, renew),
        # Its verbs ask for a reason; a reason whose time is over is empty.
        migrations.RemoveConstraint(model_name="decision", name="decision_has_reason"),
        migrations.RunPython(renew, migrations.RunPython.noop),
    ]
