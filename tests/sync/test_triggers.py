"""Triggers are put on tables, found to differ, put right and removed."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, models, transaction

from sync.registry import registry
from sync.sql_functions import JSON
from sync.trigger_sql import function_name
from sync.triggers import (
    CURRENT,
    IMPOSSIBLE,
    MISSING,
    OUTDATED,
    install,
    remove,
    states,
    triggered_tables,
)
from tests.support.another_program import insert_owners
from tests.support.threads import in_threads
from tests.sync.observing import brief, recorded
from tests.testapp.models import (
    Node,
    Owner,
    Ticket,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers", "whole_triggers"),
]


def registry_of(*wanted: type[models.Model]):
    return [registry.get(model) for model in wanted]


def kind_of(model: type[models.Model]) -> str:
    [state] = states(connection, registry_of(model))
    return state.kind


def test_installing_again_touches_nothing(program):
    assert {state.kind for state in states(connection, registry_of(Owner, Ticket))} == {CURRENT}
    before = program.execute("SELECT max(xmin::text::bigint) FROM pg_trigger").fetchone()
    assert [state.kind for state in install(connection, registry_of(Owner))] == [CURRENT]
    assert program.execute("SELECT max(xmin::text::bigint) FROM pg_trigger").fetchone() == before


@pytest.mark.parametrize(
    "change",
    [
        {"exclude": ["name"]},
        {"audience": "node:{id}"},
    ],
    ids=str,
)
def test_triggers_of_a_registration_that_changed_are_outdated(register, change):
    register(Node, **change)
    assert kind_of(Node) == OUTDATED
    install(connection, registry_of(Node))
    assert kind_of(Node) == CURRENT
    with recorded() as entries:
        node = Node.objects.create(name="a")
    expected = {"id": node.pk, "name": "a", "parent_id": None}
    if "exclude" in change:
        del expected["name"]
    assert entries[0].values == expected
    assert entries[0].audience == (f"node:{node.pk}" if "audience" in change else "everyone")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DROP TRIGGER sync_hub_delete ON testapp_owner", OUTDATED),
        ("ALTER TABLE testapp_owner DISABLE TRIGGER sync_hub_update", OUTDATED),
        ("DROP FUNCTION sync_hub_capture_testapp_owner CASCADE", MISSING),
        (
            "CREATE OR REPLACE FUNCTION sync_hub_capture_testapp_owner() RETURNS trigger"
            " LANGUAGE plpgsql SECURITY DEFINER SET search_path = public"
            " AS $$ BEGIN RETURN NULL; END $$",
            OUTDATED,
        ),
        (
            f"CREATE OR REPLACE FUNCTION {JSON}(document jsonb) RETURNS text LANGUAGE sql"
            " AS $$ SELECT '7' $$",
            OUTDATED,
        ),
    ],
)
def test_triggers_that_somebody_changed_are_seen_and_put_right(program, sql, kind):
    program.execute(sql)
    assert kind_of(Owner) == kind
    install(connection, registry_of(Owner))
    assert kind_of(Owner) == CURRENT
    with recorded() as entries:
        [key] = insert_owners(program, "a")
        program.execute("UPDATE testapp_owner SET name = 'b'")
        program.execute("DELETE FROM testapp_owner")
    table = "testapp_owner"
    assert brief(entries) == [(table, str(key), kind) for kind in ("insert", "update", "delete")]


def test_a_table_that_triggers_cannot_do_is_recorded_by_the_orm(register, program):
    register(Node, audience=lambda node: f"node:{node.name}")
    assert [state.kind for state in install(connection, registry_of(Node))] == [IMPOSSIBLE]
    with recorded() as entries, transaction.atomic():
        Node.objects.create(name="a")
        Owner.objects.create(name="b")
    assert [(entry.table, entry.audience) for entry in entries] == [
        ("testapp_node", "node:a"),
        ("testapp_owner", "everyone"),
    ]
    assert len({entry.transaction for entry in entries}) == 1


def test_two_processes_may_install_at_the_same_time():
    remove(connection, triggered_tables(connection))
    start = threading.Barrier(2)

    def install_together():
        start.wait()
        return [state.kind for state in install(connection, registry_of(Owner, Node))]

    found = in_threads(install_together, install_together)
    assert sorted(found) == [[CURRENT] * 2, [MISSING] * 2]


def test_removing_leaves_the_recording_to_the_orm(program):
    remove(connection, triggered_tables(connection))
    with recorded() as entries:
        insert_owners(program, "a")
        owner = Owner.objects.create(name="b")
    assert brief(entries) == [("testapp_owner", str(owner.pk), "insert")]
    functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'sync_hub_capture_%'"
    assert program.execute(functions).fetchone() == (0,)


def test_a_table_of_a_name_as_long_as_names_get_has_its_function():
    names = {function_name("t" * 63), function_name("t" * 62 + "u"), function_name("é" * 31)}
    assert len(names) == 3
    assert all(len(name.encode()) <= 63 for name in names)
