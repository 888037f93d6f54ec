"""Agreements that the applicant signs with a certificate of their own; append-only."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLES = (
    "requests_app_owncertificatechoice",
    "requests_app_issueddocument",
    "requests_app_ownsignature",
)


def protect(apps, schema_editor):
    for table in TABLES:
        guard.install(schema_editor.connection, table, (UPDATE, DELETE))


def release(apps, schema_editor):
    for table in TABLES:
        guard.remove(schema_editor.connection, table, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0006_cosigning"),
    ]

    operations = [
        migrations.CreateModel(
            name="IssuedDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content", models.BinaryField()),
                ("size", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("issued_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agreement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="issued_document",
                        to="requests_app.agreement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OwnCertificateChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agreement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="own_certificate",
                        to="requests_app.agreement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OwnSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content", models.BinaryField()),
                ("size", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "certificate",
                    models.JSONField(help_text="`own_certificate.Certificate` as JSON."),
                ),
                ("accepted_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agreement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="own_signature",
                        to="requests_app.agreement",
                    ),
                ),
            ],
        ),
        migrations.RunPython(protect, release),
    ]
