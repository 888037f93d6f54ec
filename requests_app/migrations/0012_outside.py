"""Checkpoints outside of the portal: cosigned by witnesses, posted to mailboxes."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLE = "requests_app_witnesssignature"


def protect(apps, schema_editor):
    guard.install(schema_editor.connection, TABLE, (UPDATE, DELETE))


def release(apps, schema_editor):
    guard.remove(schema_editor.connection, TABLE, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0010_serving"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckpointPost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("receiver", models.CharField(max_length=400, unique=True)),
                ("size", models.BigIntegerField(default=0)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="WitnessSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("witness", models.CharField(help_text="The name it signs under.", max_length=300)),
                ("lines", models.TextField()),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "checkpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="witness_signatures",
                        to="requests_app.signedcheckpoint",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("checkpoint", "witness"), name="witness_signature_once"
                    )
                ],
            },
        ),
        migrations.RunPython(protect, release),
    ]
