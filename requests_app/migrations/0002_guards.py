"""Makes the evidence append-only in the database itself."""

from django.db import migrations

from requests_app.audit import guard
from requests_app.audit.guarded import GUARDED


def protect(apps, schema_editor):
    for table, refused in GUARDED.items():
        guard.install(schema_editor.connection, table, refused)


def release(apps, schema_editor):
    for table, refused in GUARDED.items():
        guard.remove(schema_editor.connection, table, refused)


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0001_initial")]
    operations = [migrations.RunPython(protect, release)]
