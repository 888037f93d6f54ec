"""Every kind of document pauses after a failure; a signing may end without anybody ending it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

VOID = "requests_app_agreementvoid"


def protect(apps, schema_editor):
    guard.install(schema_editor.connection, VOID, (UPDATE, DELETE))


def release(apps, schema_editor):
    guard.remove(schema_editor.connection, VOID, (UPDATE, DELETE))


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0012_outside"),
    ]

    operations = [
        # SQLite makes the table anew, and its guards go with the old one.
        migrations.RunPython(release, protect),
        migrations.AlterField(
            model_name="agreementvoid",
            name="by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty where nobody ended it: the grant ran out.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="agreementvoid",
            name="why",
            field=models.CharField(
                choices=[
                    ("stopped", "The applicant stopped, to change something."),
                    ("ended", "The request or the grant that it was signed for ended."),
                ],
                max_length=7,
            ),
        ),
        migrations.RunPython(protect, release),
        migrations.RenameModel("FailedRendering", "FailedDocument"),
        migrations.AddField(
            model_name="faileddocument",
            name="kind",
            field=models.CharField(
                choices=[
                    ("issued", "To be signed with the applicant's certificate"),
                    ("sealed", "Sealed"),
                    ("countersigned", "Countersigned"),
                ],
                default="sealed",
                max_length=13,
            ),
        ),
        migrations.AlterField(
            model_name="faileddocument",
            name="agreement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="failed_documents",
                to="requests_app.agreement",
            ),
        ),
        migrations.AlterField(
            model_name="faileddocument",
            name="not_before",
            field=models.DateTimeField(
                default=django.utils.timezone.now, verbose_name="tried again after"
            ),
        ),
        migrations.AddConstraint(
            model_name="faileddocument",
            constraint=models.UniqueConstraint(
                fields=("agreement", "kind"), name="failed_document_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="faileddocument",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("issued", "sealed", "countersigned"))),
                name="failed_document_kind_known",
            ),
        ),
    ]
