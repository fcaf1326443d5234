"""Which tables PostgreSQL writes the entries of, and which only Python can."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import NotSupportedError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from sync import migrating, write_plans
from sync.recording import origin
from sync.registry import registry
from sync.shape import Shape, shape_of
from sync.sql_functions import functions_are_current
from sync.write_plans import plan_for
from tests.sync.observing import brief, insert, recorded, update
from tests.testapp.models import Draft, Everything, Owner, Team

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def anew():
    write_plans.forget()
    yield
    write_plans.forget()


def plan(model):
    return plan_for(connection, shape_of(registry.get(model), model))


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def assert_is_recorded_in_python():
    with recorded() as entries:
        owner = Owner.objects.create(name="a")
        owner.save()
    assert brief(entries) == [insert(owner), update(owner)]


def test_every_registered_model_of_the_tests_has_a_plan():
    assert [r.table for r in registry if plan(r.model) is None] == []


def test_a_plan_is_asked_for_once(django_assert_num_queries):
    assert plan(Owner) is not None
    with django_assert_num_queries(0):
        assert plan(Owner) is plan(Owner)


@pytest.mark.parametrize(
    "options",
    [{"audience": lambda owner: "x"}, {"redact": {"name": "hash"}}, {"audience": "{name!r}"}],
    ids=["function", "digest", "format"],
)
def test_what_only_python_can_make_is_made_in_python(register, options):
    register(Owner, **options)
    assert plan(Owner) is None
    assert_is_recorded_in_python()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE testapp_owner ALTER name TYPE bytea USING name::bytea",
        "CREATE RULE told AS ON UPDATE TO testapp_owner DO ALSO SELECT 1",
        "ALTER TABLE testapp_owner RENAME TO elsewhere;"
        " CREATE VIEW testapp_owner AS SELECT * FROM elsewhere",
        "ALTER TABLE testapp_owner RENAME TO elsewhere",
    ],
    ids=["type", "rule", "view", "nothing"],
)
def test_a_table_that_is_not_what_its_model_says_is_left_to_python(change):
    execute(change)
    assert plan(Owner) is None


def test_a_rule_that_is_made_meanwhile_fails_one_write():
    Owner.objects.create(name="a")
    execute("CREATE RULE told AS ON INSERT TO testapp_owner DO INSTEAD NOTHING")
    with pytest.raises(NotSupportedError), transaction.atomic():
        Owner.objects.create(name="b")
    assert plan(Owner) is None


def test_a_table_with_a_rule_is_recorded():
    execute("CREATE RULE told AS ON DELETE TO testapp_owner DO ALSO SELECT 1")
    assert_is_recorded_in_python()


def test_without_the_functions_only_what_needs_none_has_a_plan():
    execute("DROP FUNCTION sync_hub_json_1(jsonb)")
    assert plan(Everything) is None
    assert plan(Owner) is not None
    migrating.install_functions(using="default", plan=[])
    assert plan(Everything) is not None


def test_who_may_not_create_functions_is_told_and_goes_on(caplog):
    execute("DROP FUNCTION sync_hub_json_1(jsonb)")
    execute("CREATE ROLE nobody_special")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody_special")
    with transaction.atomic(), caplog.at_level(logging.WARNING):
        execute("SET LOCAL ROLE nobody_special")
        migrating.install_functions(using="default", plan=[])
        execute("RESET ROLE")
    assert "could not be created" in caplog.text
    assert not functions_are_current(connection)


def test_a_function_that_somebody_else_put_in_front_is_not_called():
    execute("CREATE SCHEMA mallory")
    execute(
        "CREATE FUNCTION mallory.sync_hub_json_1(document jsonb) RETURNS text LANGUAGE sql"
        " AS $$ SELECT '\"forged\"' $$"
    )
    execute("SET LOCAL search_path = mallory, public")
    with recorded() as entries:
        Everything.objects.create(options={"a": 1})
    assert entries[0].values["options"] == {"a": 1}


def test_functions_that_may_not_be_executed_are_not_called():
    execute("CREATE ROLE nobody_special")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody_special")
    execute("REVOKE EXECUTE ON FUNCTION sync_hub_json_1(jsonb) FROM PUBLIC")
    execute("SET LOCAL ROLE nobody_special")
    try:
        assert plan(Everything) is None
        assert plan(Owner) is not None
    finally:
        execute("RESET ROLE")


def test_a_role_that_only_writes_needs_few_rights():
    execute("CREATE ROLE nobody_special")
    execute("GRANT INSERT, SELECT (record_id) ON sync_log TO nobody_special")
    execute("GRANT SELECT, INSERT, UPDATE, DELETE ON testapp_owner TO nobody_special")
    with recorded() as entries:
        execute("SET LOCAL ROLE nobody_special")
        try:
            owner = Owner.objects.create(name="a")
            owner.save()
        finally:
            execute("RESET ROLE")
    assert brief(entries) == [insert(owner), update(owner)]


def test_a_number_that_reading_would_round_is_left_to_python():
    execute("ALTER TABLE testapp_everything ALTER decimal TYPE numeric(20, 4)")
    assert plan(Everything) is None


def test_emptying_the_tables_changes_no_plan():
    before = plan(Owner)
    emit_post_migrate_signal(0, False, "default")
    assert plan(Owner) is before


def test_a_historical_model_is_recorded_in_python():
    state = MigrationLoader(connection).project_state()
    historical = state.apps.get_model("testapp", "Owner")
    assert plan_for(connection, Shape(registry.get(Owner), historical)) is None


def test_other_databases_have_no_plans():
    other = SimpleNamespace(vendor="sqlite", in_atomic_block=True)
    assert plan_for(other, shape_of(registry.get(Owner), Owner)) is None


def test_moments_without_zones_have_plans_of_their_own(settings):
    before = plan(Everything)
    settings.USE_TZ = False
    assert plan(Everything) is not before


def test_a_blanked_value_does_not_leave_the_table(register):
    register(Draft, fields=["title", "scratch"], redact=["scratch"])
    assert plan(Draft) is not None
    with recorded() as entries:
        draft = Draft.objects.create(title="a", scratch="secret")
    assert entries[0].values == {"id": draft.pk, "title": "a", "scratch": None}


def test_a_statement_is_given_all_that_explains_a_change():
    assert set(write_plans.ORIGIN) == {"transaction", *origin()}


def test_the_name_of_a_table_may_hold_anything():
    entries = write_plans._entries(connection, "per cent % and 'quotes'", "'insert'")
    assert r"'per cent % and ''quotes'''" in entries % tuple(["NULL"] * entries.count("%s"))
    assert "'testapp_team'" in plan(Team).entries["'insert'"]
