"""A table whose key is a text, compared exactly on every database."""

from django.db import migrations, models

import sync.exact_text


class Migration(migrations.Migration):
    dependencies = [
        ("testapp", "0003_database_actions_on_delete"),
    ]

    operations = [
        migrations.CreateModel(
            name="Coupon",
            fields=[
                (
                    "code",
                    sync.exact_text.ExactCharField(
                        max_length=40, primary_key=True, serialize=False
                    ),
                ),
                ("room", sync.exact_text.ExactCharField(max_length=40)),
                ("note", models.CharField(blank=True, default="", max_length=40)),
            ],
        ),
    ]
