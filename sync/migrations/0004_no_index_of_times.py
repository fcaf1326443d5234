from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0003_a_source_for_other_programs"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="synclog",
            name="sync_log_published",
        ),
    ]
