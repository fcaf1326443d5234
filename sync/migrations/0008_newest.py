from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import sync.exact_text

COLUMNS = ("seq", "table", "record_id", "audience", "action")


def list_the_newest(apps: Any, schema_editor: Any) -> None:
    """Take the newest entries from the log, whatever its size, without reading them here."""
    columns = ", ".join(map(schema_editor.quote_name, COLUMNS))
    _execute(
        schema_editor,
        f"INSERT INTO sync_newest (entry_id, {columns})"
        f" SELECT id, {columns} FROM sync_log WHERE latest AND seq IS NOT NULL ORDER BY seq",
    )


def mark_the_newest(apps: Any, schema_editor: Any) -> None:
    _execute(
        schema_editor,
        "UPDATE sync_log SET latest = TRUE WHERE id IN (SELECT entry_id FROM sync_newest)",
    )


def _execute(schema_editor: Any, sql: str) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql)


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0007_permissions_of_the_history"),
    ]

    operations = [
        migrations.CreateModel(
            name="Newest",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("table", sync.exact_text.ExactCharField(max_length=128)),
                ("record_id", sync.exact_text.ExactCharField(max_length=255)),
                ("audience", sync.exact_text.ExactCharField(max_length=255)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("insert", "insert"),
                            ("update", "update"),
                            ("delete", "delete"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sync.synclog",
                    ),
                ),
            ],
            options={
                "db_table": "sync_newest",
                "ordering": ["seq"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["table", "record_id"], name="sync_newest_record")],
            },
        ),
        migrations.RunPython(list_the_newest, mark_the_newest),
        migrations.RemoveIndex(model_name="synclog", name="sync_log_newest"),
        migrations.RemoveIndex(model_name="synclog", name="sync_log_latest"),
        migrations.RemoveField(model_name="synclog", name="latest"),
    ]
