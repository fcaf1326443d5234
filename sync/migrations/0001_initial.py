import django.utils.timezone
from django.db import migrations, models

import sync.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="LogHead",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("epoch", models.CharField(default=sync.models.new_epoch, max_length=8)),
                ("seq", models.BigIntegerField(default=0)),
                ("horizon", models.BigIntegerField(default=0)),
                ("transaction", models.UUIDField(null=True)),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "db_table": "sync_log_head",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="sync_log_head_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SyncLog",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "seq",
                    models.BigIntegerField(
                        editable=False,
                        help_text="Null until published.",
                        null=True,
                        unique=True,
                        verbose_name="position",
                    ),
                ),
                ("table", models.CharField(max_length=128, verbose_name="table")),
                ("record_id", models.CharField(max_length=255, verbose_name="record")),
                (
                    "action",
                    models.CharField(
                        choices=[("insert", "insert"), ("update", "update"), ("delete", "delete")],
                        max_length=6,
                        verbose_name="action",
                    ),
                ),
                (
                    "data",
                    models.TextField(
                        help_text="The record as canonical JSON text.", verbose_name="data"
                    ),
                ),
                (
                    "changed",
                    models.TextField(
                        help_text="JSON list; null where nothing precedes.",
                        null=True,
                        verbose_name="changed fields",
                    ),
                ),
                (
                    "event",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="event"),
                ),
                ("audience", models.CharField(max_length=255, verbose_name="audience")),
                (
                    "cause",
                    models.CharField(blank=True, default="", max_length=16, verbose_name="cause"),
                ),
                ("latest", models.BooleanField(default=False, verbose_name="latest")),
                ("transaction", models.UUIDField(verbose_name="transaction")),
                (
                    "actor_id",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="actor id"
                    ),
                ),
                (
                    "actor",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="actor"),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("request", "request"),
                            ("admin", "admin"),
                            ("websocket", "websocket"),
                            ("command", "command"),
                            ("task", "task"),
                            ("shell", "shell"),
                            ("fixture", "fixture"),
                            ("backfill", "backfill"),
                        ],
                        max_length=16,
                        verbose_name="source",
                    ),
                ),
                (
                    "client_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="client"),
                ),
                (
                    "request_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="request"),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="reason"),
                ),
                ("codec", models.PositiveSmallIntegerField(default=1, verbose_name="encoding")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="recorded at"
                    ),
                ),
                (
                    "published_at",
                    models.DateTimeField(db_index=True, null=True, verbose_name="published at"),
                ),
            ],
            options={
                "verbose_name": "change",
                "verbose_name_plural": "changes",
                "db_table": "sync_log",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["table", "record_id", "seq"], name="sync_log_record"),
                    models.Index(fields=["table", "record_id", "latest"], name="sync_log_newest"),
                    models.Index(fields=["latest", "seq"], name="sync_log_latest"),
                    models.Index(fields=["transaction"], name="sync_log_transaction"),
                ],
            },
        ),
    ]
