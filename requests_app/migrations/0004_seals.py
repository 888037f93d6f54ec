"""Certificates of the seal, and a second, countersigned document of an agreement."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard

DOCUMENTS, CERTIFICATES = "requests_app_agreementdocument", "requests_app_sealcertificate"
REFUSED = (guard.UPDATE, guard.DELETE)


def lift(apps, schema_editor):
    """SQLite makes a changed table anew, without its triggers: take them away everywhere."""
    guard.remove(schema_editor.connection, DOCUMENTS, REFUSED)


def lower(apps, schema_editor):
    guard.install(schema_editor.connection, DOCUMENTS, REFUSED)


def protect(apps, schema_editor):
    for table in (DOCUMENTS, CERTIFICATES):
        guard.install(schema_editor.connection, table, REFUSED)


def release(apps, schema_editor):
    for table in (DOCUMENTS, CERTIFICATES):
        guard.remove(schema_editor.connection, table, REFUSED)


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0003_groups"),
    ]

    operations = [
        migrations.RunPython(lift, lower),
        migrations.CreateModel(
            name="SealCertificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                (
                    "serial",
                    models.CharField(
                        help_text="Hexadecimal, as certificates show it.", max_length=50
                    ),
                ),
                ("subject", models.CharField(max_length=300)),
                ("content", models.TextField()),
                ("chain", models.TextField(blank=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-pk",),
            },
        ),
        migrations.AlterModelOptions(
            name="agreementdocument",
            options={"ordering": ("pk",)},
        ),
        migrations.AddField(
            model_name="agreementdocument",
            name="kind",
            field=models.CharField(
                choices=[("sealed", "Sealed"), ("countersigned", "Countersigned")],
                default="sealed",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="agreementdocument",
            name="level",
            field=models.CharField(blank=True, max_length=4),
        ),
        migrations.AlterField(
            model_name="agreementdocument",
            name="agreement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="documents",
                to="requests_app.agreement",
            ),
        ),
        migrations.AddField(
            model_name="agreementdocument",
            name="certificate",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="documents",
                to="requests_app.sealcertificate",
            ),
        ),
        migrations.AddConstraint(
            model_name="agreementdocument",
            constraint=models.UniqueConstraint(
                fields=("agreement", "kind"), name="agreement_document_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="agreementdocument",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("sealed", "countersigned"))),
                name="agreement_document_kind_known",
            ),
        ),
        migrations.RunPython(protect, release),
    ]
