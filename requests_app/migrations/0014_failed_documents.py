"""Failures of every kind of document: issued, sealed and countersigned ones pause alike."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0010_serving"),
    ]

    operations = [
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
