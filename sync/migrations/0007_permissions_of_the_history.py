from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_indexes_of_the_history"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="synclog",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("export_synclog", "Can export changes"),
                    ("prune_synclog", "Can remove old changes"),
                    ("redact_synclog", "Can remove values from changes"),
                    ("restore_synclog", "Can restore records from the history"),
                ],
                "verbose_name": "change",
                "verbose_name_plural": "changes",
            },
        ),
    ]
