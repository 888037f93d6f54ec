"""Clips may belong to a split. The column is empty for every release published before it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests_app", "0005_reconsents"),
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
    ]
