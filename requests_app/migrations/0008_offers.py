"""Clips may belong to a split; the manifest of a release is signed, append-only."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLE = "requests_app_manifestsignature"


def protect(apps, schema_editor):
    guard.install(schema_editor.connection, TABLE, (UPDATE, DELETE))


def release(apps, schema_editor):
    guard.remove(schema_editor.connection, TABLE, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0007_own_certificate"),
    ]

    operations = [
        # Null and without a default: any other column would rebuild the table on SQLite and lose
        # the guard that keeps published files as they are.
        migrations.AddField(
            model_name="file",
            name="split",
            field=models.CharField(
                blank=True,
                help_text=(
                    "Of a clip whose release has splits; releases from before the column have none."
                ),
                max_length=50,
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="ManifestSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content", models.BinaryField()),
                ("signed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="manifest_signatures",
                        to="requests_app.sealcertificate",
                    ),
                ),
                (
                    "release",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="manifest_signature",
                        to="requests_app.release",
                    ),
                ),
            ],
        ),
        migrations.RunPython(protect, release),
    ]
