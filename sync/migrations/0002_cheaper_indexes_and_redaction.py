from django.db import migrations, models

import sync.indexes


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="synclog",
            name="sync_log_record",
        ),
        migrations.RemoveIndex(
            model_name="synclog",
            name="sync_log_transaction",
        ),
        migrations.RemoveIndex(
            model_name="synclog",
            name="sync_log_newest",
        ),
        migrations.RemoveIndex(
            model_name="synclog",
            name="sync_log_latest",
        ),
        migrations.AddField(
            model_name="synclog",
            name="redacted",
            field=models.TextField(
                help_text="JSON list of fields removed from the data.",
                null=True,
                verbose_name="redacted fields",
            ),
        ),
        migrations.AlterField(
            model_name="synclog",
            name="seq",
            field=models.BigIntegerField(
                editable=False,
                help_text="Null until published.",
                null=True,
                verbose_name="position",
            ),
        ),
        migrations.AlterField(
            model_name="synclog",
            name="published_at",
            field=models.DateTimeField(null=True, verbose_name="published at"),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["id"], name="sync_log_pending", where=models.Q(("seq__isnull", True))
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["transaction"],
                name="sync_log_transaction",
                where=models.Q(("seq__isnull", True)),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["seq"],
                name="sync_log_seq",
                unique=True,
                where=models.Q(("seq__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["table", "record_id", "seq"],
                name="sync_log_record",
                where=models.Q(("seq__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["table", "record_id"],
                name="sync_log_newest",
                where=models.Q(("latest", True)),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["seq"], name="sync_log_latest", where=models.Q(("latest", True))
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["published_at"],
                name="sync_log_published",
                where=models.Q(("published_at__isnull", False)),
            ),
        ),
    ]
