"""The functions of the database that write the entry of one record."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, models, transaction
from django.db.models.expressions import RawSQL
from django.test.utils import isolate_apps

from sync import recorder_upkeep, recorders, write_plans
from sync.entry_sql import ORIGIN, WRITTEN, returned_sql
from sync.models import SyncLog
from sync.recorders import MAX_ARGUMENTS, PREFIX
from sync.registry import registry
from sync.shape import shape_of
from sync.write_plans import plan_for
from tests.sync.observing import Statements, brief, insert, recorded, update
from tests.sync.writes.table import on_conflict
from tests.testapp.models import Draft, Everything, Owner, Stock

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
    pytest.mark.usefixtures("fresh_plans"),
]


def recorder_of(model):
    plan = plan_for(connection, shape_of(registry.get(model), model))
    return plan and plan.recorder


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_every_registered_table_of_the_tests_has_a_function():
    assert [r.table for r in registry if not recorder_of(r.model)] == []


def statements_of(write):
    with Statements() as statements:
        write()
    return statements.sql


def test_one_record_is_written_by_it_and_many_are_not():
    stock = Stock(sku="a", warehouse="n")
    for write in (stock.save, stock.save, stock.delete):
        [sql] = statements_of(write)
        assert f".{PREFIX}" in sql
    for write in (
        lambda: Stock.objects.bulk_create(Stock(sku=uuid4().hex[:20]) for _ in "ab"),
        lambda: Stock.objects.update(quantity=3),
        lambda: Stock.objects.filter(pk__in=[1, 2]).delete(),
        lambda: Stock.objects.exclude(pk=1)._raw_delete("default"),
    ):
        assert not any(PREFIX in sql for sql in statements_of(write))
        assert any(sql.startswith(f"WITH {WRITTEN} AS") for sql in statements_of(write))


def test_an_upsert_of_one_record_says_what_it_did():
    with recorded() as entries:
        for quantity in (1, 2):
            Stock.objects.bulk_create(
                [Stock(sku="a", warehouse="n", quantity=quantity)],
                update_conflicts=True,
                update_fields=["quantity"],
                **on_conflict("sku", "warehouse"),
            )
    assert [entry.action for entry in entries] == ["insert", "update"]


def test_an_insert_that_conflicts_writes_no_entry():
    stock = Stock(sku="a", warehouse="n")
    with recorded() as entries:
        for _ in range(2):
            Stock.objects.bulk_create([stock], ignore_conflicts=True)
    assert [entry.action for entry in entries] == ["insert"]


def test_a_registration_that_changed_does_without_until_the_next_migrate(register):
    former = recorder_of(Owner)
    register(Owner, audience="all:{name}")
    assert recorder_of(Owner) is None
    with recorded() as entries:
        Owner.objects.create(name="a")
    assert entries[0].audience == "all:a"
    recorder_upkeep.install(connection, registry)
    write_plans.forget()
    assert recorder_of(Owner).name != former.name
    with recorded() as entries:
        Owner.objects.create(name="b")
    assert entries[0].audience == "all:b"


@pytest.mark.parametrize(
    "change",
    [
        "DROP FUNCTION {}",
        "REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC",
        "{replaced}",
        "ALTER FUNCTION {} SET search_path = ''",
        "ALTER FUNCTION {} SECURITY DEFINER",
    ],
    ids=["gone", "forbidden", "another's", "elsewhere", "with other rights"],
)
def test_a_function_that_is_not_there_for_this_role_is_not_called(change):
    recorder = recorder_of(Owner)
    replaced = recorder.statement.replace("BEGIN", "BEGIN\n  PERFORM 1;")
    execute(change.format(f"{recorder.schema}.{recorder.name}", replaced=replaced))
    write_plans.forget()
    execute("CREATE ROLE nobody_special")
    execute("GRANT INSERT, SELECT ON ALL TABLES IN SCHEMA public TO nobody_special")
    with recorded() as entries:
        execute("SET LOCAL ROLE nobody_special")
        try:
            assert recorder_of(Owner) is None
            owner = Owner.objects.create(name="a")
        finally:
            execute("RESET ROLE")
    assert brief(entries) == [insert(owner)]


@contextmanager
def tenant(name):
    execute(f"SET search_path = {name}, public")
    try:
        yield
    finally:
        execute("RESET search_path")


def test_the_log_is_that_of_the_tenant_whose_table_it_is():
    """Schemas may be tenants: a plan, and a function, serve all that the search path leads to."""
    for name in ("red", "blue"):
        execute(f"CREATE SCHEMA {name}")
        for table in ("sync_log", "testapp_owner"):
            execute(f"CREATE TABLE {name}.{table} (LIKE public.{table} INCLUDING ALL)")
    with tenant("red"):
        recorder_upkeep.install(connection, [registry.get(Owner)])
    for name in ("red", "blue", "red"):
        with tenant(name), recorded() as entries:
            assert recorder_of(Owner) is not None
            owner = Owner.objects.create(name=name)
            owner.save()
        assert brief(entries) == [insert(owner), update(owner)]
    assert not SyncLog.objects.exists()
    with tenant("blue"):
        assert [entry.data for entry in SyncLog.objects.all()] == [
            f'{{"id":{Owner.objects.get().pk},"name":"blue"}}'
        ] * 2


def test_a_column_of_an_older_table_may_be_narrower_or_wider():
    execute("ALTER TABLE testapp_everything ALTER maybe TYPE bigint, ALTER integer TYPE smallint")
    execute("ALTER TABLE testapp_owner ALTER name TYPE text")
    with recorded() as entries:
        made = Everything.objects.create(maybe=7, integer=8)
        owner = Owner.objects.create(name="a")
        owner.delete()
    assert recorder_of(Everything) is not None
    assert (entries[0].values["maybe"], entries[0].values["integer"]) == (7, 8)
    assert entries[0].record_id == str(made.pk)
    assert [entry.action for entry in entries] == ["insert", "insert", "delete"]


@pytest.mark.parametrize("name", ["found", "hub", "sync_row", "sync_data", "user"])
def test_a_column_may_be_called_anything(name, register):
    with isolate_apps("tests.testapp"):

        class Odd(models.Model):
            odd = models.TextField(db_column=name)

            class Meta:
                app_label = "testapp"

            def __str__(self):
                return self.odd

        with connection.schema_editor() as editor:
            editor.create_model(Odd)
    register(Odd)
    recorder_upkeep.install(connection, registry)
    assert recorder_of(Odd) is not None
    with recorded() as entries:
        odd = Odd.objects.create(odd="a")
        odd.save()
        key = odd.pk
        odd.delete()
    assert [entry.action for entry in entries] == ["insert", "update", "delete"]
    assert [entry.values for entry in entries] == [{"id": key, "odd": "a"}] * 3


def test_a_table_of_more_columns_than_a_function_takes_does_without():
    def defined(number):
        field = SimpleNamespace(attname="a", column="a", db_type=lambda connection: "varchar(10)")
        registration = SimpleNamespace(redact={})
        shape = SimpleNamespace(table="wide", fields=[field] * number, registration=registration)
        return recorders.define(shape, connection, "public", "NULL AS sync_record_id")

    most = MAX_ARGUMENTS - 1 - len(ORIGIN)
    execute(defined(most).statement)
    assert defined(most + 1) is None


def test_its_name_says_what_it_does(register):
    shape = shape_of(registry.get(Owner), Owner)
    returned = returned_sql(shape, connection, "public")
    names = {
        recorders.define(shape, connection, "public", text).name
        for text in (returned, returned, f"{returned} ")
    }
    assert len(names) == 2
    assert all(len(name) < 63 and name.startswith(PREFIX) for name in names)


def test_a_process_that_finds_it_gone_fails_once_and_then_does_without(transactional_db):
    owner = Owner.objects.create(name="a")
    recorder = recorder_of(Owner)
    execute(f"DROP FUNCTION {recorder.name}")
    try:
        with pytest.raises(ProgrammingError, match=recorder.name):
            owner.save()
        with recorded() as entries:
            owner.delete()
        assert [entry.action for entry in entries] == ["delete"]
    finally:
        execute(recorder.statement)


def test_a_function_that_fails_is_done_without(register):
    """Whatever it is that the catalogue does not say of it."""
    recorder = recorder_of(Owner)
    with pytest.raises(ProgrammingError, match="nowhere"), transaction.atomic():
        execute("CREATE SCHEMA nowhere")
        plans = write_plans._plans_of(connection)
        shape = shape_of(registry.get(Owner), Owner)
        body = recorder.body.replace("sync_log", "nowhere.sync_log")
        broken = dataclasses.replace(recorder, name=f"{PREFIX}broken", body=body)
        execute(broken.statement)
        plans[shape] = dataclasses.replace(plans[shape], recorder=broken)
        Owner.objects.create(name="a")
    assert write_plans._unusable == {broken}
    assert recorder_of(Owner) == recorder


def test_an_error_of_the_host_takes_no_function_away():
    recorder = recorder_of(Owner)
    with pytest.raises(ProgrammingError, match="no_such"), transaction.atomic():
        Owner.objects.filter(pk=1).update(name=RawSQL("no_such_column", []))
    assert recorder_of(Owner) == recorder
    assert not write_plans._unusable


def test_a_blanked_column_is_not_given_away(register):
    register(Draft, fields=["title", "scratch"], redact=["scratch"])
    recorder_upkeep.install(connection, registry)
    assert '"scratch"' not in recorder_of(Draft).given
    execute("CREATE ROLE nobody_special")
    execute("GRANT INSERT, SELECT (record_id) ON sync_log TO nobody_special")
    execute("GRANT INSERT, SELECT (id, heading) ON testapp_draft TO nobody_special")
    with recorded() as entries:
        execute("SET LOCAL ROLE nobody_special")
        try:
            draft = Draft.objects.create(title="a", scratch="secret")
        finally:
            execute("RESET ROLE")
    assert entries[0].values == {"id": draft.pk, "title": "a", "scratch": None}
