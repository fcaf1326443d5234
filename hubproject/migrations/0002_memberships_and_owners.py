"""Who sees what: members of projects, and owners of planner entries.

Projects that are there have no members and entries no owner, so that at first staff alone see them:
nobody can tell from the rows whose they were.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hubproject", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="plannerentry",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                help_text="Who sees the entry, besides staff. Without an owner, staff alone.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="planner_entries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="hubproject.project",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "memberships",
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=["project", "user"], name="one_membership_each")
                ],
            },
        ),
    ]
