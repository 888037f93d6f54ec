"""Several signers, append-only: those asked, signatures, exits; and documents that failed."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLES = (
    "requests_app_signatory",
    "requests_app_cosignature",
    "requests_app_invitation",
    "requests_app_signatoryexit",
    "requests_app_agreementvoid",
    "requests_app_memberremoval",
)


def protect(apps, schema_editor):
    for table in TABLES:
        guard.install(schema_editor.connection, table, (UPDATE, DELETE))


def release(apps, schema_editor):
    for table in TABLES:
        guard.remove(schema_editor.connection, table, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0005_reconsents"),
    ]

    operations = [
        migrations.AddField(
            model_name="accessrequest",
            name="collecting_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Others have yet to sign what the applicant signed: nothing may change.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="accessrequest",
            name="signatory_email",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="accessrequest",
            name="signatory_name",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="accessrequest",
            name="signatory_position",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.CreateModel(
            name="AgreementVoid",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("stopped", "The applicant stopped, to change something."),
                            ("ended", "The request was withdrawn or the agreement declined."),
                        ],
                        max_length=7,
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agreement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="void",
                        to="requests_app.agreement",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Signatory",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("member", "uses the data"),
                            ("institution", "signs for the institution"),
                        ],
                        max_length=11,
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("email", models.EmailField(max_length=254)),
                ("position", models.CharField(blank=True, max_length=200)),
                ("order", models.PositiveSmallIntegerField()),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatories",
                        to="requests_app.agreement",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "signatories",
                "ordering": ("order",),
            },
        ),
        migrations.CreateModel(
            name="MemberRemoval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "email",
                    models.EmailField(
                        help_text="Lower-case: a later version does not bring them back.",
                        max_length=254,
                    ),
                ),
                ("reason", models.TextField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="member_removals",
                        to="requests_app.grant",
                    ),
                ),
                (
                    "signatory",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="member_removal",
                        to="requests_app.signatory",
                    ),
                ),
            ],
            options={
                "ordering": ("at", "pk"),
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("secret_sha256", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "signatory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="requests_app.signatory",
                    ),
                ),
            ],
            options={
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("signed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("evidence", models.JSONField(help_text="How, when and from where it was signed.")),
                (
                    "signatory",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cosignature",
                        to="requests_app.signatory",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SignatoryExit",
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
                        choices=[("declined", "declined"), ("removed", "removed before signing")],
                        max_length=8,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "signatory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exits",
                        to="requests_app.signatory",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="FailedRendering",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                (
                    "agreement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="failed_rendering",
                        to="requests_app.agreement",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="signatory",
            constraint=models.UniqueConstraint(
                fields=("agreement", "email"), name="signatory_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="signatory",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ("member", "institution"))),
                name="signatory_role_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="signatoryexit",
            constraint=models.UniqueConstraint(
                fields=("signatory", "kind"), name="signatory_exit_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="signatoryexit",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("declined", "removed"))),
                name="signatory_exit_known",
            ),
        ),
        migrations.RunPython(protect, release),
    ]
