"""Room for the number of an agreement under the longest slug, and for a purpose of 5,000 words."""

from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLE = "requests_app_agreement"


def release(apps, schema_editor):
    """SQLite makes the table anew to change a column, and forgets what guards it."""
    guard.remove(schema_editor.connection, TABLE, (UPDATE, DELETE))


def protect(apps, schema_editor):
    guard.install(schema_editor.connection, TABLE, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0015_guards_anew"),
    ]

    operations = [
        migrations.RunPython(release, protect),
        migrations.AlterField(
            model_name="agreement",
            name="number",
            field=models.CharField(max_length=70, unique=True),
        ),
        migrations.RunPython(protect, release),
        migrations.AlterField(
            model_name="accessrequest",
            name="purpose",
            field=models.TextField(blank=True, max_length=40000),
        ),
    ]
