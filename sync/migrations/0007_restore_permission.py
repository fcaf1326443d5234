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
                "permissions": [("restore_synclog", "Can restore records from the history")],
                "verbose_name": "change",
                "verbose_name_plural": "changes",
            },
        ),
    ]
