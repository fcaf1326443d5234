"""What the log forgets, what it keeps for ever, and who is told to start anew."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import pre_delete

from sync import retention
from sync.errors import RegistrationError, RetentionError
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from sync.retention import prune
from tests.support.state import database_state
from tests.sync.aging import grow_older, horizon, pruned
from tests.sync.observing import Statements, applied, brief, published
from tests.sync.paging import EVERYONE, names, owners
from tests.testapp.models import Memo, Owner, Stock, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)
NOTHING = datetime.timedelta()


def rename(owner, *new_names):
    for name in new_names:
        owner.name = name
        owner.save()


def left():
    return [entry.seq for entry in published()]


def test_what_is_superseded_and_old_goes_and_the_newest_entry_stays():
    first, second = owners(2)
    rename(first, "a", "b", "c")
    grow_older(days=2)
    assert pruned(older_than=DAY) == {"testapp_owner": 3}
    assert [entry.values["name"] for entry in published()] == ["1", "c"]
    assert horizon() == 0
    assert pruned(older_than=DAY) == {}


def test_a_delete_goes_with_all_that_it_superseded_and_moves_the_horizon():
    a, b = owners(2)
    a.delete()
    rename(b, "new")
    grow_older(days=2)
    assert pruned(older_than=DAY) == {"testapp_owner": 3}
    assert (left(), horizon()) == ([4], 3)


def test_a_move_goes_like_a_delete(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    grow_older(days=2)
    moved = SyncLog.objects.get(cause="moved").seq
    assert pruned(older_than=DAY) == {"testapp_memo": 2}
    assert horizon() == moved
    assert applied({}, published()) == database_state()


def test_a_delete_that_a_later_entry_supersedes_leaves_the_horizon_alone():
    [owner] = owners(1)
    key = owner.pk
    owner.delete()
    Owner.objects.create(pk=key, name="again")
    grow_older(days=2)
    assert pruned(older_than=DAY) == {"testapp_owner": 2}
    assert (left(), horizon()) == ([3], 0)


def test_what_is_younger_than_its_retention_stays():
    a, b = owners(2)
    rename(a, "old")
    grow_older(days=2)
    rename(a, "young", "younger")
    b.delete()
    publish()
    assert pruned(older_than=DAY) == {"testapp_owner": 3}
    assert (left(), horizon()) == ([4, 5, 6], 0)


def test_what_waits_for_its_number_is_never_touched():
    [owner] = owners(1)
    publish()
    rename(owner, "a")
    owner.delete()
    assert pruned(older_than=NOTHING) == {}
    assert SyncLog.objects.pending().count() == 2


def test_a_model_has_a_retention_of_its_own_and_the_rest_the_default(register, sync_settings):
    register(Owner, retention=3 * DAY)
    register(Ticket, retention=datetime.timedelta.max)
    sync_settings(RETENTION=DAY)
    kept, ticket, stock = (
        owners(1)[0],
        Ticket.objects.create(subject="a"),
        Stock.objects.create(sku="a", warehouse="n"),
    )
    for instance in (kept, ticket, stock):
        instance.delete()
    grow_older(days=2)
    assert pruned() == {"testapp_stock": 2}
    grow_older(days=2)
    assert pruned() == {"testapp_owner": 2}
    grow_older(days=2000)
    assert pruned() == {}
    assert pruned(older_than=DAY) == {"testapp_ticket": 2}


def test_a_model_that_is_registered_no_longer_has_the_default(unregister, register, sync_settings):
    register(Owner, retention=5 * DAY)
    sync_settings(RETENTION=DAY)
    owners(1)[0].delete()
    grow_older(days=2)
    assert pruned() == {}
    unregister(Owner)
    assert pruned() == {"testapp_owner": 2}


def test_only_models_with_a_retention_are_pruned_where_there_is_no_default(register):
    register(Owner, retention=DAY)
    owners(1)[0].delete()
    Ticket.objects.create(subject="a").delete()
    grow_older(days=2)
    assert pruned() == {"testapp_owner": 2}


def test_the_named_tables_alone_are_pruned(sync_settings):
    sync_settings(RETENTION=DAY)
    owners(1)[0].delete()
    Ticket.objects.create(subject="a").delete()
    grow_older(days=2)
    assert pruned(tables=["testapp_ticket"]) == {"testapp_ticket": 2}


@pytest.mark.parametrize("tables", [None, ["testapp_owner"], ["testapp_owner", "testapp_ticket"]])
def test_where_nothing_says_how_long_to_keep_that_is_an_error(tables, register):
    if tables:
        register(Ticket, retention=DAY)
    with pytest.raises(RetentionError, match="--older-than.*RETENTION") as caught:
        prune(tables=tables)
    assert ("testapp_owner" if tables else "any table") in str(caught.value)
    assert "testapp_ticket" not in str(caught.value)


@pytest.mark.parametrize("given", [{"batch": 0}, {"batch": -1}, {"older_than": -DAY}])
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(RetentionError):
        prune(**{"older_than": DAY} | given)


@pytest.mark.parametrize("default", [90, "90d", NOTHING, -DAY])
def test_a_default_that_is_no_time_is_refused(default, sync_settings):
    sync_settings(RETENTION=default)
    with pytest.raises(ImproperlyConfigured, match="positive timedelta"):
        prune()


@pytest.mark.parametrize("given", [90, "90d", NOTHING, -DAY])
def test_a_registration_with_a_retention_that_is_no_time_is_refused(given, register):
    with pytest.raises(RegistrationError, match="positive timedelta"):
        register(Owner, retention=given)
    register(Owner)


@pytest.mark.parametrize(("batch", "window"), [(1, 3), (2, 1), (3, 5), (7, 7), (1000, 1000)])
def test_batches_of_every_size_remove_the_same(batch, window, monkeypatch, red, blue):
    monkeypatch.setattr(retention, "WINDOW", window)
    monkeypatch.setattr(retention, "PARAMETERS", 2)
    stay = owners(5)
    for owner in owners(6):
        owner.delete()
    for owner in stay[:3]:
        rename(owner, "a", "b")
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(team=blue)
    grow_older(days=2)
    before = len(left())
    steps = list(prune(older_than=DAY, batch=batch))
    removed = sum(sum(step.removed.values()) for step in steps)
    assert before - removed == len(left())
    assert SyncLog.objects.newest().exclude(action="delete").count() == len(left())
    assert max(sum(step.removed.values()) for step in steps) <= batch
    assert [step.passed for step in steps] == sorted(step.passed for step in steps)
    assert (steps[-1].passed, steps[-1].total) == (before, before)
    assert applied({}, published()) == database_state()


def test_a_dry_run_counts_and_touches_nothing():
    a, b = owners(2)
    a.delete()
    rename(b, "new")
    grow_older(days=2)
    before = brief(published())
    assert pruned(older_than=DAY, dry_run=True) == {"testapp_owner": 3}
    assert (brief(published()), horizon()) == (before, 0)
    assert pruned(older_than=DAY) == {"testapp_owner": 3}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_pass_that_was_left_goes_on_where_it_was(dry_run):
    for one in owners(3):
        one.delete()
    grow_older(days=2)
    first = next(prune(older_than=DAY, batch=2, dry_run=dry_run))
    assert (first.position, first.horizon, first.passed, first.total) == (2, 0, 2, 6)
    rest = list(prune(older_than=DAY, batch=2, dry_run=dry_run, after=first.position))
    assert [step.position for step in rest][-1] == 6
    assert sum(sum(step.removed.values()) for step in (first, *rest)) == 6
    assert max(step.horizon for step in rest) == 6
    assert list(prune(older_than=DAY, dry_run=dry_run, after=6)) == []


def test_a_batch_costs_the_same_statements_whatever_it_removes(monkeypatch):
    def cost():
        grow_older(days=2)
        with Statements() as statements:
            list(prune(older_than=DAY, batch=1000))
        return [sql.split()[0] for sql in statements.sql]

    few, many = owners(3), owners(300)
    for owner in few:
        rename(owner, "a")
    once = cost()
    for owner in many:
        rename(owner, "a")
    assert cost() == once == ["SELECT", "WITH", *["SELECT"] * 3, "DELETE"]


def test_rows_are_not_read_where_a_host_listens_to_deletes():
    owners(1)[0].delete()
    grow_older(days=2)
    heard = []

    def listener(**kwargs):
        heard.append(kwargs)

    pre_delete.connect(listener)
    try:
        assert pruned(older_than=DAY) == {"testapp_owner": 2}
    finally:
        pre_delete.disconnect(listener)
    assert heard == []


def test_pruning_inside_a_transaction_is_refused():
    owners(1)[0].delete()
    grow_older(days=2)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        pruned(older_than=DAY)


def test_the_log_goes_on_after_all_of_it_was_pruned():
    owners(1)[0].delete()
    grow_older(days=2)
    pruned(older_than=DAY)
    assert left() == []
    [owner] = owners(1)
    assert names(changes_since(None, EVERYONE)) == ["0"]
    rename(owner, "new")
    publish()
    assert left() == [3, 4]
