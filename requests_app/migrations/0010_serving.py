"""Access tokens, what is being fetched, and what a dataset's policy allows."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0009_log_tree"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogPosition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("inode", models.PositiveBigIntegerField(default=0)),
                ("offset", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="grant",
            name="networks",
            field=models.TextField(
                blank=True,
                default="",
                help_text="CIDR, apart by blanks: where to fetch from; empty: anywhere.",
            ),
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(help_text="What its holder calls it.", max_length=60)),
                ("secret_sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_tokens",
                        to="requests_app.grant",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="DailyUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("bytes", models.PositiveBigIntegerField()),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="daily_use",
                        to="requests_app.grant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("grant", "day"), name="daily_use_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="DownloadPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "link_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Never longer than its grant.",
                        null=True,
                        verbose_name="days a link lives",
                    ),
                ),
                (
                    "links_alive",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="One more closes the oldest.",
                        null=True,
                        verbose_name="links alive for each grant",
                    ),
                ),
                (
                    "concurrent",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="downloads at once for each grant"
                    ),
                ),
                (
                    "bytes_per_day",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="A day of UTC; 0: no limit.",
                        null=True,
                        verbose_name="bytes a day for each grant",
                    ),
                ),
                (
                    "page_sign_in",
                    models.BooleanField(
                        blank=True,
                        help_text="Addresses of files work in command lines without.",
                        null=True,
                        verbose_name="sign-in to open the page of a link",
                    ),
                ),
                (
                    "dataset",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="download_policy",
                        to="requests_app.dataset",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "download policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("link_days", None), ("link_days__gte", 1), _connector="OR"),
                            models.Q(
                                ("links_alive", None), ("links_alive__gte", 1), _connector="OR"
                            ),
                            models.Q(("concurrent", None), ("concurrent__gte", 1), _connector="OR"),
                        ),
                        name="download_policy_lets_somebody_in",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(help_text="Of the entry it becomes.", max_length=60)),
                ("release", models.CharField(max_length=20)),
                (
                    "name",
                    models.CharField(
                        help_text="Path of a file, name of an archive.", max_length=300
                    ),
                ),
                (
                    "digest",
                    models.CharField(
                        help_text="SHA-256 of a file, ETag of an archive.", max_length=64
                    ),
                ),
                ("range", models.CharField(blank=True, max_length=80)),
                ("status", models.PositiveSmallIntegerField()),
                (
                    "promised",
                    models.PositiveBigIntegerField(help_text="Bytes that were asked for."),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("portal", "the portal's own processes"),
                            ("nginx", "nginx"),
                            ("s3", "the object store"),
                        ],
                        max_length=6,
                    ),
                ),
                ("ip", models.CharField(blank=True, help_text="Until settled.", max_length=45)),
                (
                    "user_agent",
                    models.CharField(blank=True, help_text="Until settled.", max_length=500),
                ),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "seen_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="Vouched for by its process."
                    ),
                ),
                (
                    "cut_at",
                    models.DateTimeField(help_text="When nginx was told to end it.", null=True),
                ),
                ("bytes_sent", models.PositiveBigIntegerField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("complete", "complete"),
                            ("broken", "broken off"),
                            ("cut", "cut off by the portal"),
                            ("handed_out", "left to the object store"),
                            ("unknown", "unknown"),
                            ("nothing", "no bytes were due"),
                        ],
                        max_length=10,
                    ),
                ),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "access_token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="requests_app.accesstoken",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="requests_app.grant",
                    ),
                ),
                (
                    "link",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="requests_app.downloadlink",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at", None)),
                        fields=["grant"],
                        name="transfer_unsettled",
                    ),
                    models.Index(fields=["grant", "kind", "release", "name"], name="transfer_what"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("link", None), ("access_token", None), _connector="XOR"
                        ),
                        name="transfer_has_one_credential",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", ""), ("settled_at", None)),
                            models.Q(
                                ("settled_at__isnull", False),
                                models.Q(("outcome", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="transfer_settled_with_outcome",
                    ),
                ],
            },
        ),
    ]
