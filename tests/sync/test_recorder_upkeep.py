"""What `migrate` makes of the functions that write the entry of one record."""

from __future__ import annotations

import datetime
import json
import logging

import pytest
from django.db import connection, transaction

from sync import captors, migrating, recorder_upkeep, write_plans
from sync.recorder_upkeep import KEPT
from sync.recorders import PREFIX
from sync.registry import registry
from sync.shape import shape_of
from sync.sql_functions import functions_are_current
from sync.write_plans import plan_for
from tests.sync.observing import recorded
from tests.testapp.models import Owner, Stock

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
    pytest.mark.usefixtures("fresh_plans"),
]

OWNERS = {"table": "testapp_owner"}
TODAY = datetime.datetime.now(datetime.UTC).date()


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def present():
    """Return what there is of the functions, and what is said of each."""
    found = execute(
        "SELECT proname, obj_description(oid, 'pg_proc') FROM pg_proc"
        f" WHERE starts_with(proname, '{PREFIX}')"
    )
    return {name: comment and json.loads(comment) for name, comment in found}


def say(name, said):
    execute(f"COMMENT ON FUNCTION {name} IS '{json.dumps(said)}'")


def migrate():
    migrating.install_functions(using="default", plan=[])


def name_of(model):
    return plan_for(connection, shape_of(registry.get(model), model)).recorder.name


def test_what_is_missing_is_made():
    before = present()
    name = name_of(Owner)
    assert before[name] == OWNERS
    execute(f"DROP FUNCTION {name}")
    migrate()
    assert present() == before


def test_what_another_put_in_its_place_is_replaced():
    name = name_of(Owner)
    [(before,)] = execute(f"SELECT prosrc FROM pg_proc WHERE proname = '{name}'")
    execute(f"UPDATE pg_proc SET prosrc = 'BEGIN END' WHERE proname = '{name}'")
    migrate()
    assert execute(f"SELECT prosrc FROM pg_proc WHERE proname = '{name}'") == [(before,)]


def test_the_function_of_the_version_before_stays_for_a_while(register):
    former = name_of(Owner)
    plans = write_plans._plans_of(connection)
    [plan] = [plan for plan in plans.values() if plan]
    register(Owner, audience="all")
    migrate()
    assert present()[former] == {**OWNERS, "disused": str(TODAY)}
    plans = write_plans._plans_of(connection)
    plans[shape_of(registry.get(Owner), Owner)] = plan  # as a process has it that runs on
    with recorded() as entries:
        Owner.objects.create(name="a")
    assert len(entries) == 1


@pytest.mark.parametrize(("days", "stays"), [(0, True), (1, False)], ids=["of 30 days", "older"])
def test_what_has_been_disused_for_long_is_dropped(register, days, stays):
    former = name_of(Owner)
    register(Owner, audience="all")
    since = TODAY - KEPT - datetime.timedelta(days=days)
    say(former, {**OWNERS, "disused": str(since)})
    migrate()
    assert (former in present()) == stays


def test_what_is_wanted_again_is_kept():
    name = name_of(Owner)
    say(name, {**OWNERS, "disused": "2020-01-01"})
    migrate()
    assert present()[name] == OWNERS


def test_what_belongs_to_another_role_is_left_alone(register):
    former = name_of(Owner)
    register(Owner, audience="all")
    execute("CREATE ROLE nobody_special")
    execute(f"ALTER FUNCTION {former} OWNER TO nobody_special")
    execute("CREATE ROLE migrator")
    execute("GRANT CREATE ON SCHEMA public TO migrator")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO migrator")
    with transaction.atomic():
        execute("SET LOCAL ROLE migrator")
        migrate()
        execute("RESET ROLE")
    assert present()[former] == OWNERS
    assert name_of(Owner) != former


def test_where_nothing_is_missing_no_rights_are_needed(caplog):
    execute("CREATE ROLE nobody_special")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody_special")
    with transaction.atomic(), caplog.at_level(logging.WARNING):
        execute("SET LOCAL ROLE nobody_special")
        migrate()
        execute("RESET ROLE")
    assert not caplog.records


def test_where_triggers_record_no_functions_are_made(settings):
    settings.SYNC = {**settings.SYNC, "CAPTURE": "trigger"}
    execute(f"DROP FUNCTION {name_of(Owner)}")
    before = present()
    captors.forget()
    try:
        assert captors.has_captors(connection)
        migrate()
    finally:
        captors.forget()
    assert present() == before


def test_tables_that_only_python_records_have_none(register):
    register(Owner, audience=lambda owner: "all")
    before = present()
    recorder_upkeep.install(connection, [registry.get(Owner)])
    assert present().keys() == before.keys()


@pytest.mark.parametrize("days", [0, 40], ids=["new", "old"])
def test_what_another_program_has_registered_is_left_alone(unregister, days):
    """Two projects may share a log, and neither knows what the other has registered."""
    theirs = name_of(Owner)
    since = str(TODAY - datetime.timedelta(days=days))
    said = {**OWNERS, "disused": since} if days else OWNERS
    say(theirs, said)
    unregister(Owner)
    migrate()
    assert present()[theirs] == said


def test_the_function_of_a_table_that_is_gone_is_dropped_in_time(unregister):
    name = name_of(Owner)
    say(name, {"table": "gone", "disused": "2020-01-01"})
    unregister(Owner)
    migrate()
    assert name not in present()


def test_what_somebody_else_has_said_of_it_is_respected(register):
    former = name_of(Owner)
    register(Owner, audience="all")
    execute(f"COMMENT ON FUNCTION {former} IS 'Do not touch'")
    migrate()
    execute(f"COMMENT ON FUNCTION {former} IS '[1]'")
    migrate()
    assert former in present()


def test_one_that_cannot_be_made_costs_no_other(caplog, register):
    execute("CREATE ROLE nobody_special")
    owners = name_of(Owner)
    execute(f"ALTER FUNCTION {owners} OWNER TO nobody_special")
    execute(f"ALTER FUNCTION {owners} SECURITY DEFINER")
    stocks = name_of(Stock)
    execute(f"DROP FUNCTION {stocks}")
    execute("DROP FUNCTION sync_hub_json_1(jsonb)")
    execute("CREATE ROLE migrator")
    execute("GRANT CREATE ON SCHEMA public TO migrator")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO migrator")
    names = ("float_1", "number_1", "interval_1")
    for name in names:
        execute(f"ALTER FUNCTION sync_hub_{name} OWNER TO migrator")
    with transaction.atomic(), caplog.at_level(logging.WARNING):
        execute("SET LOCAL ROLE migrator")
        migrate()
        execute("RESET ROLE")
    assert "testapp_owner stays dearer" in caplog.text
    assert stocks in present()
    assert functions_are_current(connection)
