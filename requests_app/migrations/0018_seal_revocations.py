"""Declarations that a certificate of the seal is invalid; append-only."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLE = "requests_app_sealrevocation"


def protect(apps, schema_editor):
    guard.install(schema_editor.connection, TABLE, (UPDATE, DELETE))


def release(apps, schema_editor):
    guard.remove(schema_editor.connection, TABLE, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [("requests_app", "0017_fewer_indexes")]

    operations = [
        migrations.CreateModel(
            name="SealRevocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("invalid_from", models.DateTimeField()),
                (
                    "reason",
                    models.CharField(help_text="Published with the certificate.", max_length=500),
                ),
                ("declared_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revocations",
                        to="requests_app.sealcertificate",
                    ),
                ),
            ],
            options={"ordering": ("invalid_from", "pk")},
        ),
        migrations.RunPython(protect, release),
    ]
