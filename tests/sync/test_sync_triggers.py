"""`manage.py sync_triggers` installs, removes, checks, and shows what it would do."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sync.registry import registry
from sync.triggers import CURRENT, MISSING, remove, states, triggered_tables
from tests.testapp.models import Node, Owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def postgresql(postgresql_only, triggers):
    """A PostgreSQL without any trigger."""
    remove(connection, triggered_tables(connection))


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_triggers", *arguments, stdout=out)
    return out.getvalue()


def kinds() -> set[str]:
    return {state.kind for state in states(connection, registry)}


def test_install_makes_every_trigger_and_tells_how_it_was(postgresql):
    assert "testapp.Owner: missing" in run("install")
    assert kinds() == {CURRENT}
    assert "testapp.Owner: current" in run("install")


def test_install_takes_models(postgresql):
    assert run("install", "testapp.Owner") == "testapp.Owner: missing\n"
    assert [table for _, table in triggered_tables(connection)] == ["testapp_owner"]


def test_remove_takes_models_or_all(postgresql):
    run("install")
    assert run("remove", "testapp.Owner") == "testapp_owner: removed\n"
    assert "testapp_owner" not in {table for _, table in triggered_tables(connection)}
    run("remove")
    assert kinds() == {MISSING}


def test_remove_finds_what_is_no_longer_registered(postgresql, unregister):
    run("install")
    unregister(Owner)
    assert run("remove", "--unregistered") == "testapp_owner: removed\n"
    assert kinds() == {CURRENT}


def test_check_fails_unless_everything_is_current(postgresql):
    run("install")
    assert "testapp.Owner: current" in run("check")
    run("remove", "testapp.Owner")
    with pytest.raises(CommandError, match=rf"1 of {len(list(registry))} are not current"):
        run("check")


def test_a_dry_run_prints_sql_that_does_what_it_says(postgresql):
    sql = run("install", "--dry-run")
    assert kinds() == {MISSING}
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert kinds() == {CURRENT}
    sql = run("remove", "--dry-run")
    assert kinds() == {CURRENT}
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert kinds() == {MISSING}
    assert triggered_tables(connection) == []


def test_the_reason_why_a_model_is_left_to_the_orm_is_told(postgresql, register):
    register(Node, audience=lambda node: "x")
    assert "testapp.Node: impossible (testapp.Node: PostgreSQL cannot encode an" in run("install")


@pytest.mark.parametrize("label", ["testapp.Nothing", "nothing", "testapp.Unseen"])
def test_a_model_that_is_not_there_is_named(postgresql, label):
    with pytest.raises(CommandError, match=label.split(".")[-1]):
        run("install", label)


def test_a_database_without_a_log_is_told_to_migrate(postgresql):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sync_log RENAME TO former")
    with pytest.raises(CommandError, match="run migrate first"):
        run("install")


def test_another_database_is_refused(sqlite_only):
    with pytest.raises(CommandError, match="Triggers need PostgreSQL: default is SQLite"):
        run("install")
