"""A trigger that is not what it should be is told of by `manage.py check --database`."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

from sync import captors
from sync.registry import registry
from sync.triggers import install, remove, triggered_tables
from tests.testapp.models import Article, Node, Owner, Unseen

pytestmark = pytest.mark.django_db


@pytest.fixture
def postgresql(postgresql_only, triggers):
    """A PostgreSQL with every trigger in place."""


def messages():
    found = run_checks(tags=["sync"], databases=["default"])
    return [message for message in found if message.id != "sync.W003"]


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_triggers_that_are_current_are_nothing_to_tell_of(postgresql):
    assert messages() == []


def test_a_check_without_a_database_asks_none(postgresql, django_assert_num_queries):
    execute("DROP TRIGGER sync_hub_insert ON testapp_owner")
    with django_assert_num_queries(0):
        assert run_checks(tags=["sync"], databases=[]) == []


def test_a_table_without_triggers_is_an_error(postgresql):
    execute("DROP FUNCTION sync_hub_capture_testapp_owner CASCADE")
    [message] = messages()
    assert (message.id, message.obj) == ("sync.E011", Owner)
    assert message.is_serious()
    assert message.hint == "manage.py sync_triggers install"


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER sync_hub_insert ON testapp_owner",
        "ALTER TABLE testapp_owner DISABLE TRIGGER sync_hub_truncate",
        "ALTER TABLE testapp_owner RENAME COLUMN name TO title",
    ],
)
def test_a_table_whose_triggers_are_outdated_is_an_error(postgresql, sql):
    execute(sql)
    [message] = messages()
    assert (message.id, message.obj) == ("sync.E012", Owner)
    assert message.is_serious()
    assert "manage.py sync_triggers install" in message.hint


def test_columns_that_are_not_migrated_yet_are_named(postgresql):
    execute("ALTER TABLE testapp_owner RENAME COLUMN name TO title")
    install(connection, [registry.get(Owner)])
    [message] = messages()
    assert message.id == "sync.E012"
    assert "not migrated yet: name" in message.msg


def test_a_registration_that_changed_is_an_error(postgresql, register):
    register(Node, exclude=["name"])
    assert [(message.id, message.obj) for message in messages()] == [("sync.E012", Node)]


def test_a_registration_that_triggers_cannot_do_is_an_error_with_the_reason(postgresql, register):
    register(Node, audience=lambda node: "x")
    [message] = messages()
    assert (message.id, message.obj) == ("sync.E013", Node)
    assert "testapp.Node" in message.msg
    assert "callable" in message.msg


def test_a_table_that_is_no_longer_registered_is_a_warning(postgresql, unregister):
    through = Article.related.through
    unregister(through)
    ids = [message.id for message in messages() if through._meta.db_table in message.msg]
    assert ids == ["sync.W011"]


def test_triggers_beside_the_orm_are_a_warning(postgresql, sync_settings):
    remove(connection, [t for t in triggered_tables(connection) if t[1] != "testapp_owner"])
    sync_settings(CAPTURE="orm")
    [message] = messages()
    assert message.id == "sync.W010"
    assert "testapp_owner" in message.msg


def test_triggers_on_another_database_are_an_error(sync_settings, monkeypatch):
    sync_settings(CAPTURE="trigger")
    monkeypatch.setattr(connection, "vendor", "sqlite")
    assert [message.id for message in messages()] == ["sync.E010"]


def test_on_another_database_the_orm_records(sync_settings, sqlite_only):
    sync_settings(CAPTURE="trigger")
    assert not captors.is_captor(connection, "testapp_owner")
    assert Unseen not in registry
