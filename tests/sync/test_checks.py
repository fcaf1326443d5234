"""What would make the log incomplete is said before the first write."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from sync import capture
from sync.registry import registry
from tests.testapp.models import Account, Article, Label, Place, Reading, Restaurant


def messages():
    return run_checks(tags=["sync"], databases=[])  # else Django 6.1 asks every database


def ids():
    return [message.id for message in messages()]


def test_a_host_that_did_everything_right_hears_nothing():
    assert messages() == []


@pytest.mark.parametrize("owner", [SQLInsertCompiler, SQLUpdateCompiler, SQLDeleteCompiler])
def test_a_write_method_that_was_replaced_is_an_error(monkeypatch, owner):
    monkeypatch.setattr(owner, "execute_sql", lambda self, *args: None)
    [message] = messages()
    assert message.id == "sync.E001"
    assert message.is_serious()
    assert f"{owner.__name__}.execute_sql is not captured" in message.msg
    assert "INSTALLED_APPS" in message.hint


def test_a_replaced_method_is_captured_when_the_hub_is_installed_again(monkeypatch):
    called = []
    monkeypatch.setattr(SQLDeleteCompiler, "execute_sql", lambda *args: called.append(args))
    capture.install()
    assert capture.missing() == []
    assert messages() == []


def test_installing_twice_wraps_once():
    before = SQLInsertCompiler.execute_sql
    capture.install()
    assert SQLInsertCompiler.execute_sql is before


def test_every_write_method_of_the_running_django_is_wrapped():
    for owner in (SQLInsertCompiler, SQLUpdateCompiler, SQLDeleteCompiler):
        for name in ("execute_sql", "execute_returning_sql"):
            method = vars(owner).get(name)
            assert method is None or hasattr(method, "_sync_original"), (owner, name)
            assert method is not None or name == "execute_returning_sql"


def test_a_child_without_its_parent_is_a_warning(unregister):
    unregister(Place)
    [message] = messages()
    assert (message.id, message.obj) == ("sync.W001", Restaurant)
    assert "testapp.Place is not" in message.msg
    assert "sync.register(Place)" in message.hint


@pytest.mark.parametrize(
    ("through", "hint"),
    [
        (Article.labels.through, "sync.register(Article.labels.through)"),
        (Reading, "sync.register(Article.readers.through)"),
    ],
)
def test_a_forgotten_many_to_many_table_is_a_warning(unregister, through, hint):
    unregister(through)
    [message] = messages()
    assert (message.id, message.obj, message.hint) == ("sync.W002", Article, hint)


def test_a_many_to_many_table_of_a_model_that_does_not_sync_is_nobodys_business(unregister):
    unregister(Article)
    unregister(Article.labels.through)
    assert Label in registry
    assert messages() == []


def test_fields_that_do_not_sync_for_their_names_are_told(register):
    register(Account)
    [message] = messages()
    assert (message.id, message.obj) == ("sync.I001", Account)
    assert not message.is_serious()
    assert "testapp.Account: api_token, password does not sync" in message.msg


def test_fields_that_the_host_leaves_out_itself_are_not_told(register):
    register(Account, exclude=["password"], redact=["api_token"])
    assert messages() == []


def test_a_sqlite_whose_transactions_start_as_readers_is_a_warning(sqlite_only, monkeypatch):
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "transaction_mode", "DEFERRED")
    assert ids() == ["sync.W003"]
    monkeypatch.delitem(options, "transaction_mode")
    assert ids() == ["sync.W003"]
    monkeypatch.setitem(options, "transaction_mode", "immediate")
    assert ids() == []
