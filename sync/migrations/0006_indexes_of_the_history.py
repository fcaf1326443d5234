from django.db import migrations, models

import sync.indexes


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0005_exact_text"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["transaction", "seq"],
                name="sync_log_of_commit",
                where=models.Q(("seq__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["actor_id", "seq"],
                name="sync_log_of_actor_id",
                where=models.Q(("seq__isnull", False), ("actor_id__gt", "")),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["actor", "seq"],
                name="sync_log_of_actor",
                where=models.Q(("seq__isnull", False), ("actor__gt", "")),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["client_id", "seq"],
                name="sync_log_of_client",
                where=models.Q(("seq__isnull", False), ("client_id__gt", "")),
            ),
        ),
        migrations.AddIndex(
            model_name="synclog",
            index=sync.indexes.PartialIndex(
                fields=["request_id", "seq"],
                name="sync_log_of_request",
                where=models.Q(("seq__isnull", False), ("request_id__gt", "")),
            ),
        ),
    ]
