"""While migrations change a table its triggers let every write pass, and afterwards fit it."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import call_command
from django.db import connection, connections, migrations, models
from django.db.migrations.loader import MigrationLoader

import sync
from sync import captors
from sync.migrating import fit_triggers, install_triggers
from sync.models import SyncLog
from sync.registry import registry
from sync.triggers import CURRENT, IMPOSSIBLE, MISSING, OUTDATED, states, triggered_tables
from tests.support.another_program import another_program
from tests.sync.observing import recorded
from tests.testapp.models import Owner, Ticket

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers"),
]


class Migrated:
    """Migrates the table of tickets while its model stays as it is."""

    def __init__(self) -> None:
        self.state = MigrationLoader(connection).project_state()

    def apply(self, operation) -> None:
        after = self.state.clone()
        operation.state_forwards("testapp", after)
        with connection.schema_editor() as editor:
            operation.database_forwards("testapp", editor, self.state, after)
        self.state = after

    @property
    def model(self):
        return self.state.apps.get_model("testapp", "Ticket")


@pytest.fixture
def migrated(db):
    return Migrated()


def insert(**values: object) -> None:
    """Write as another program does."""
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        marks = ", ".join(["%s"] * (len(values) + 1))
        columns = ", ".join(["id", *values])
        cursor.execute(
            f"INSERT INTO testapp_ticket ({columns}) VALUES ({marks})",
            [uuid.uuid4(), *values.values()],
        )


def written(entries) -> list[set[str]]:
    return [set(entry.values) for entry in entries]


def kind() -> str:
    return states(connection, [registry.get(Ticket)])[0].kind


def test_a_column_that_a_migration_adds_is_recorded_afterwards(migrated):
    migrated.apply(migrations.RemoveField("ticket", "subject"))
    fit_triggers(using="default")
    with recorded() as entries:
        insert()
        migrated.apply(
            migrations.AddField("ticket", "subject", models.CharField(max_length=9, default=""))
        )
        insert(subject="b")
        assert kind() == OUTDATED
        install_triggers(using="default")
        insert(subject="c")
    assert written(entries) == [{"id"}, {"id"}, {"id", "subject"}]
    assert kind() == CURRENT


def test_a_column_that_a_migration_drops_stops_nobody_from_writing(migrated, register):
    register(Ticket, exclude=["subject"])  # as the code is that no longer has the field
    fit_triggers(using="default")
    with recorded() as entries:
        insert(subject="a")
        migrated.apply(migrations.RemoveField("ticket", "subject"))
        insert()
        install_triggers(using="default")
        insert()
    assert written(entries) == [{"id"}] * 3
    assert kind() == CURRENT


def test_a_column_that_a_migration_renames_is_recorded_again_afterwards(migrated):
    migrated.apply(migrations.RenameField("ticket", "subject", "title"))
    fit_triggers(using="default")
    with recorded() as entries:
        insert(title="a")
        migrated.apply(migrations.RenameField("ticket", "title", "subject"))
        insert(subject="b")
        install_triggers(using="default")
        insert(subject="c")
    assert written(entries) == [{"id"}, {"id"}, {"id", "subject"}]


def test_a_column_of_another_type_than_its_field_is_left_out_until_it_is_migrated(migrated):
    before = models.IntegerField(default=0)
    migrated.apply(migrations.RemoveField("ticket", "subject"))
    migrated.apply(migrations.AddField("ticket", "subject", before))
    fit_triggers(using="default")
    with recorded() as entries:
        insert(subject=1)
        migrated.apply(migrations.AlterField("ticket", "subject", models.CharField(max_length=100)))
        insert(subject="b")
        install_triggers(using="default")
        insert(subject="c")
    assert written(entries) == [{"id"}, {"id"}, {"id", "subject"}]


def test_a_data_migration_is_recorded_with_the_columns_of_its_moment(migrated):
    migrated.apply(migrations.RemoveField("ticket", "subject"))
    with recorded() as entries:
        migrated.model.objects.create(id=uuid.uuid4())
        migrated.apply(
            migrations.AddField("ticket", "subject", models.CharField(max_length=9, default=""))
        )
        migrated.model.objects.update(subject="filled")
    assert written(entries) == [{"id"}, {"id", "subject"}]
    assert entries[1].values["subject"] == "filled"


def test_a_table_without_the_columns_of_its_audience_is_left_to_the_orm(migrated, register):
    register(Ticket, audience="about:{subject}")
    migrated.apply(migrations.RenameField("ticket", "subject", "title"))
    fit_triggers(using="default")
    assert kind() == IMPOSSIBLE
    insert(title="a")
    migrated.apply(migrations.RenameField("ticket", "title", "subject"))
    assert kind() == MISSING
    install_triggers(using="default")
    with recorded() as entries:
        Ticket.objects.create(subject="b")
    assert [entry.audience for entry in entries] == ["about:b"]


def test_a_table_that_a_migration_renames_is_recorded_under_its_new_name(migrated):
    migrated.apply(migrations.AlterModelTable("ticket", "testapp_former"))
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO testapp_former (id, subject) VALUES (%s, '')", [uuid.uuid4()])
    fit_triggers(using="default")
    migrated.apply(migrations.AlterModelTable("ticket", "testapp_ticket"))
    install_triggers(using="default")
    with recorded() as entries:
        insert(subject="")
    assert [entry.table for entry in entries] == ["testapp_ticket"]


def test_where_the_orm_is_to_record_migrations_touch_no_trigger(db, sync_settings):
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION sync_hub_capture_testapp_ticket CASCADE")
    sync_settings(CAPTURE="orm")
    install_triggers(using="default")
    assert kind() == MISSING


@pytest.fixture
def another_database(django_db_setup, django_db_blocker, monkeypatch):
    """A second, empty database under the alias `other`."""
    name = f"other_{uuid.uuid4().hex[:8]}"
    with django_db_blocker.unblock(), another_program() as program:
        program.execute(f"CREATE DATABASE {name}")
        usual = connection.settings_dict
        monkeypatch.setitem(connections.settings, "other", usual | {"NAME": name})
        try:
            yield "other"
        finally:
            connections["other"].close()
            del connections["other"]
            program.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_migrating_another_alias_gives_it_triggers_and_a_log_of_its_own(another_database):
    call_command("migrate", database=another_database, verbosity=0, interactive=False)
    other = connections[another_database]
    found = {table for _, table in triggered_tables(other)}
    assert found == {registration.table for registration in registry}
    owner = Owner.objects.using(another_database).create(name="a")
    with another_program(dbname=other.settings_dict["NAME"]) as program:
        program.execute("UPDATE testapp_owner SET name = 'b'")
    entries = SyncLog.objects.using(another_database).filter(table="testapp_owner").order_by("id")
    assert [(e.record_id, e.action, e.source) for e in entries] == [
        (str(owner.pk), "insert", "task"),
        (str(owner.pk), "update", "database"),
    ]
    assert not SyncLog.objects.filter(table="testapp_owner").exists()


def test_the_orm_finds_triggers_that_were_installed_meanwhile(db):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER sync_hub_update ON testapp_owner")
    captors.forget()
    assert not captors.is_captor(connection, "testapp_owner")
    install_triggers(using="default")
    assert captors.is_captor(connection, "testapp_owner")
