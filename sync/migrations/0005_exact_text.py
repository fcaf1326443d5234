from typing import Any

from django.db import migrations

import sync.exact_text

COLUMNS = {"table": 128, "record_id": 255, "audience": 255, "client_id": 64}


def compare_exactly(apps: Any, schema_editor: Any) -> None:
    _collate(schema_editor, sync.exact_text.exact_collation(schema_editor.connection))


def compare_as_the_table(apps: Any, schema_editor: Any) -> None:
    _collate(schema_editor, None)


def _collate(schema_editor: Any, collation: str | None) -> None:
    """Alter all columns at once: each statement of its own would write the whole log anew."""
    if schema_editor.connection.vendor != "mysql":
        return
    quote = schema_editor.quote_name
    collate = f" COLLATE {collation}" if collation else ""
    changes = ", ".join(
        f"MODIFY {quote(name)} varchar({length}){collate} NOT NULL"
        for name, length in COLUMNS.items()
    )
    schema_editor.execute(f"ALTER TABLE {quote('sync_log')} {changes}")


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0004_no_index_of_times"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            # Other databases have nothing to alter, and SQLite would copy the table each time.
            database_operations=[migrations.RunPython(compare_exactly, compare_as_the_table)],
            state_operations=[
                migrations.AlterField(
                    model_name="synclog",
                    name="table",
                    field=sync.exact_text.ExactCharField(max_length=128, verbose_name="table"),
                ),
                migrations.AlterField(
                    model_name="synclog",
                    name="record_id",
                    field=sync.exact_text.ExactCharField(max_length=255, verbose_name="record"),
                ),
                migrations.AlterField(
                    model_name="synclog",
                    name="audience",
                    field=sync.exact_text.ExactCharField(max_length=255, verbose_name="audience"),
                ),
                migrations.AlterField(
                    model_name="synclog",
                    name="client_id",
                    field=sync.exact_text.ExactCharField(
                        blank=True, default="", max_length=64, verbose_name="client"
                    ),
                ),
            ],
        ),
    ]
