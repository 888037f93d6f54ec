"""Signing a new version anew: campaigns, signatures, letters; all append-only."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLES = (
    "requests_app_reconsentcampaign",
    "requests_app_reconsent",
    "requests_app_reconsentnotice",
)


def protect(apps, schema_editor):
    for table in TABLES:
        guard.install(schema_editor.connection, table, (UPDATE, DELETE))


def release(apps, schema_editor):
    for table in TABLES:
        guard.remove(schema_editor.connection, table, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0004_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reconsent",
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
                        related_name="reconsent",
                        to="requests_app.agreement",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconsents",
                        to="requests_app.grant",
                    ),
                ),
            ],
            options={
                "ordering": ("-at", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="ReconsentCampaign",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("deadline", models.DateTimeField(help_text="The first instant of suspensions.")),
                ("reason", models.TextField(help_text="The holders read this.")),
                ("announced_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconsent_campaigns",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "text",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaign",
                        to="requests_app.agreementtext",
                    ),
                ),
            ],
            options={
                "ordering": ("-announced_at",),
            },
        ),
        migrations.CreateModel(
            name="ReconsentNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("announced", "asked to sign"),
                            ("week", "reminded a week before"),
                            ("day", "reminded a day before"),
                            ("suspended", "told of the suspension"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="requests_app.reconsentcampaign",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconsent_notices",
                        to="requests_app.grant",
                    ),
                ),
            ],
            options={
                "ordering": ("at", "pk"),
            },
        ),
        migrations.AddConstraint(
            model_name="reconsentcampaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("deadline__gt", models.F("announced_at"))),
                name="campaign_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconsentnotice",
            constraint=models.UniqueConstraint(
                fields=("campaign", "grant", "kind"), name="reconsent_notice_once"
            ),
        ),
        migrations.RunPython(protect, release),
    ]
