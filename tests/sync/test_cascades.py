"""What the database does to other rows on delete is recorded with the delete, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.loader import MigrationLoader

from sync import cascades
from sync.models import SyncLog
from tests.support.state import database_state
from tests.support.threads import with_own_connection
from tests.sync.observing import Statements, applied, brief, delete, recorded, update
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Owner, Unseen

if not hasattr(models, "DB_CASCADE"):
    pytest.skip("Django before 6.1 has no actions of the database", allow_module_level=True)

from tests.testapp.spreading import Bottle, Cellar, Nest, Plot, Tree

pytestmark = pytest.mark.django_db

committing = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made_late():
    """A model that points at another which was looked at before; it leaves no trace."""
    from django.apps import apps

    assert cascades.actions_on(Unseen) == ()
    meta = type("Meta", (), {"app_label": "testapp"})
    key = models.ForeignKey(Unseen, models.DB_CASCADE, related_name="+")
    yield type("Late", (models.Model,), {"Meta": meta, "__module__": __name__, "key": key})
    apps.all_models["testapp"].pop("late")
    apps.clear_cache()
    cascades._forget()


def test_a_model_that_is_defined_later_is_seen(made_late):
    assert [field.model for field in cascades.actions_on(Unseen)] == [made_late]


def test_a_delete_that_no_action_hangs_on_costs_what_it_did():
    Owner.objects.create(name="a")
    with Statements() as statements:
        Owner.objects.filter(name="a")._raw_delete("default")
    assert len(statements) <= 4


def test_what_reaches_nothing_registered_is_left_to_django(unregister):
    unregister(Bottle)
    cellar = Cellar.objects.create()
    with Statements() as statements:
        cellar.delete()
    assert len(statements) == 1


def test_a_delete_is_counted_as_django_counts_it():
    plot = Plot.objects.create()
    Tree.objects.create(plot=plot)
    assert plot.delete() == (1, {"testapp.Plot": 1})
    assert Plot.objects.filter(pk=0).delete() == (0, {})


@committing
def test_all_that_one_delete_does_has_one_transaction_id():
    tree = Tree.objects.create(plot=Plot.objects.create())
    Nest.objects.create(tree=tree)
    with recorded() as entries:
        tree.plot.delete()
    assert len(entries) == 3
    assert len({entry.transaction for entry in entries}) == 1


@committing
def test_a_delete_that_is_rolled_back_leaves_nothing():
    plot = Plot.objects.create()
    Tree.objects.create(plot=plot)
    before = database_state()
    with recorded() as entries, pytest.raises(ZeroDivisionError), transaction.atomic():
        Plot.objects.filter(pk=plot.pk).delete()
        raise ZeroDivisionError
    assert entries == []
    assert database_state() == before


@committing
def test_a_delete_that_fails_in_the_log_deletes_nothing(monkeypatch):
    plot = Plot.objects.create()
    Tree.objects.create(plot=plot)
    before, entries = database_state(), SyncLog.objects.count()

    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT INTO") and "sync_log" in sql:
            raise IntegrityError
        return execute(sql, params, many, context)

    with pytest.raises(IntegrityError), connection.execute_wrapper(fail):
        plot.delete()
    assert (database_state(), SyncLog.objects.count()) == (before, entries)


def test_historical_models_are_followed_too():
    state = MigrationLoader(connection).project_state(
        [("testapp", "0003_database_actions_on_delete")]
    )
    tree = Tree.objects.create(plot=Plot.objects.create())
    nest = Nest.objects.create(tree=tree)
    expected = [delete(tree.plot), delete(tree), update(nest)]
    before = database_state()
    with recorded() as entries:
        state.apps.get_model("testapp", "Plot").objects.all().delete()
    assert sorted(brief(entries)) == sorted(expected)
    assert applied(before, entries) == database_state()


@committing
def test_actions_that_sqlite_is_told_not_to_take_are_not_recorded(sqlite_only):
    tree = Tree.objects.create(plot=Plot.objects.create())
    gone = delete(tree.plot)
    with connection.constraint_checks_disabled(), recorded() as entries:
        tree.plot.delete()
    Tree.objects.all().delete()
    assert brief(entries) == [gone]


@committing
def test_a_child_that_arrives_while_its_parent_goes_is_not_lost():
    """A writer inserts a child and commits while the delete waits for the parent's row."""
    if not connection.features.has_select_for_update:
        pytest.skip("one writer at a time")
    plot = Plot.objects.create()
    expected, inserted, waits = [delete(plot)], Event(), Event()

    def insert_a_child() -> None:
        with transaction.atomic():
            tree = Tree.objects.create(plot_id=plot.pk)
            expected.append(delete(tree))
            if connection.features.can_defer_constraint_checks:
                connection.check_constraints()  # and hold the parent, else only the commit does
            inserted.set()
            assert waits.wait(SECONDS)

    def note_the_wait() -> None:
        wait_until_somebody_waits_for_a_lock()
        waits.set()

    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(with_own_connection, insert_a_child)
        assert inserted.wait(SECONDS)
        before = database_state()
        noting = pool.submit(with_own_connection, note_the_wait)
        with recorded() as entries:
            Plot.objects.all().delete()
        noting.result()
        writer.result()
    assert [e for e in brief(entries) if e[2] == "delete"] == expected
    assert applied(before, entries) == database_state() == {}
