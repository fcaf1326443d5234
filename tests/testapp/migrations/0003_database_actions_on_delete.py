"""Tables on which the database acts by itself, which Django knows from version 6.1 on."""

import django.db.models.deletion
from django.db import migrations, models


def operations():
    """Return what makes the tables: before 6.1 not even the names of the actions exist."""
    if not hasattr(models, "DB_CASCADE"):
        return []
    return [
        migrations.CreateModel(
            name="Cellar",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Egg",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Plot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                ("code", models.CharField(max_length=20, null=True, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Bottle",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cellar",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.cellar"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Hen",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "egg",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="testapp.egg",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="egg",
            name="hen",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DB_CASCADE,
                related_name="+",
                to="testapp.hen",
            ),
        ),
        migrations.CreateModel(
            name="Marker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "plot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        to="testapp.plot",
                        to_field="code",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="cellar",
            name="plot",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.plot"
            ),
        ),
        migrations.CreateModel(
            name="Pot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "plot",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.IntegerField()),
                (
                    "plot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.plot"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Sign",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "plot",
                    models.ForeignKey(
                        db_default=1000000,
                        on_delete=django.db.models.deletion.DB_SET_DEFAULT,
                        to="testapp.plot",
                    ),
                ),
            ],
            options={
                "required_db_features": {"supports_on_delete_db_default"},
            },
        ),
        migrations.CreateModel(
            name="Tree",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "plot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.plot"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Nest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "tree",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        to="testapp.tree",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tree",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.tree"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Bench",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "plot",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.plot"
                    ),
                ),
                (
                    "tree",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        to="testapp.tree",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Vine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "parent",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.DB_CASCADE, to="testapp.vine"
                    ),
                ),
            ],
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("testapp", "0002_more_kinds_of_writes"),
    ]

    operations = operations()
