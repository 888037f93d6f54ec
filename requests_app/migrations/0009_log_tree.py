"""The tree over the entries, its checkpoints; what is in the log already waits for its place."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from requests_app.audit import guard
from requests_app.audit.guard import DELETE, UPDATE

TABLES = ("requests_app_leaf", "requests_app_treenode", "requests_app_signedcheckpoint")


def protect(apps, schema_editor):
    for table in TABLES:
        guard.install(schema_editor.connection, table, (UPDATE, DELETE))


def release(apps, schema_editor):
    for table in TABLES:
        guard.remove(schema_editor.connection, table, (UPDATE, DELETE))


def let_wait(apps, schema_editor):
    entries = apps.get_model("requests_app", "Entry").objects.order_by("pk")
    waiting = apps.get_model("requests_app", "Unsequenced")
    waiting.objects.bulk_create(
        (waiting(entry_id=pk) for pk in entries.values_list("pk", flat=True)), batch_size=2000
    )


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0008_offers"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignedCheckpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("note", models.TextField()),
                ("vkey", models.CharField(max_length=300)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-size",),
            },
        ),
        migrations.CreateModel(
            name="Unsequenced",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="unsequenced",
                        serialize=False,
                        to="requests_app.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("place", models.BigIntegerField(primary_key=True, serialize=False)),
                ("hash", models.BinaryField(max_length=32)),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leaf",
                        to="requests_app.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TreeNode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("height", models.PositiveSmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("height", "index"), name="tree_node_once")
                ],
            },
        ),
        migrations.RunPython(protect, release),
        migrations.RunPython(let_wait, migrations.RunPython.noop),
    ]
