from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0002_cheaper_indexes_and_redaction"),
    ]

    operations = [
        migrations.AlterField(
            model_name="synclog",
            name="source",
            field=models.CharField(
                choices=[
                    ("request", "request"),
                    ("admin", "admin"),
                    ("websocket", "websocket"),
                    ("command", "command"),
                    ("task", "task"),
                    ("shell", "shell"),
                    ("fixture", "fixture"),
                    ("backfill", "backfill"),
                    ("database", "database"),
                ],
                max_length=16,
                verbose_name="source",
            ),
        ),
    ]
