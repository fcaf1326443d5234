"""What the log forgets, what it keeps for ever, and who is told to start anew."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import pre_delete

from sync import retention
from sync.cursor import Position
from sync.errors import RegistrationError, RetentionError
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since, tail
from sync.retention import prune
from tests.support.state import database_state
from tests.sync.aging import grow_older, horizon, pruned
from tests.sync.observing import Statements, applied, brief, published
from tests.sync.paging import EVERYONE, changes_of, from_client, names, owners, pages
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
    assert SyncLog.objects.exclude(action="delete").filter(latest=True).count() == len(left())
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
    assert cost() == once == ["SELECT"] * 4 + ["DELETE"]


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


def test_a_cursor_at_or_above_the_horizon_goes_on_and_one_below_starts_anew():
    a, b, c = owners(3)
    publish()
    a.delete()
    rename(b, "new")
    grow_older(days=2)
    cursors = [Position.of_entry(publish().epoch, entry) for entry in published()]
    pruned(older_than=DAY)
    assert horizon() == 4
    for cursor in cursors[:3]:
        page = changes_since(from_client(cursor), EVERYONE)
        assert page.reset
        assert applied({}, page.changes) == database_state()
    assert names(changes_since(from_client(cursors[3]), EVERYONE)) == ["new"]
    assert changes_since(from_client(cursors[4]), EVERYONE).changes == []
    assert c.name == "2"


def test_a_cursor_is_good_although_the_entry_it_stood_behind_was_superseded_and_removed():
    [owner] = owners(1)
    cursor = publish()
    rename(owner, "a", "b")
    grow_older(days=2)
    pruned(older_than=DAY)
    page = changes_since(from_client(cursor), EVERYONE)
    assert (names(page), page.reset) == (["b"], False)


def test_a_snapshot_of_many_pages_goes_on_below_the_horizon():
    """Its first pages end far below it; were they refused, it would never come to its end."""
    owners(6)
    for owner in owners(3):
        owner.delete()
    grow_older(days=2)
    pruned(older_than=DAY)
    assert horizon() == publish().seq
    found = []
    start = None
    for _ in range(10):
        found.append(changes_since(start, EVERYONE, limit=2))
        if not found[-1].has_more:
            break
        start = from_client(found[-1].position)
    assert [(len(page.changes), page.reset) for page in found] == [(2, False)] * 3
    assert applied({}, changes_of(found)) == database_state()
    assert found[-1].position == publish()


def test_a_snapshot_is_not_told_of_deletes_from_before_it_began_but_of_later_ones():
    stay = owners(6)
    for owner in owners(3):
        owner.delete()
    first = changes_since(None, EVERYONE, limit=2)
    stay[0].delete()
    rest = pages(from_client(first.position), limit=2)
    changes = first.changes + changes_of(rest)
    assert [entry.action for entry in changes] == ["insert"] * 6 + ["delete"]
    assert applied({}, changes) == database_state()


def test_a_snapshot_that_would_miss_a_removed_delete_starts_anew():
    stay = owners(6)
    first = changes_since(None, EVERYONE, limit=2)
    stay[0].delete()
    grow_older(days=2)
    pruned(older_than=DAY)
    found = pages(from_client(first.position), limit=2)
    assert [page.reset for page in found] == [True, False, False]
    assert applied({}, changes_of(found)) == database_state()


def test_a_catch_up_of_many_pages_that_would_miss_a_removed_delete_starts_anew():
    stay = owners(2)
    cursor = publish()
    owners(3)
    stay[0].delete()
    first = changes_since(from_client(cursor), EVERYONE, limit=2)
    assert first.has_more
    grow_older(days=2)
    pruned(older_than=DAY)
    found = pages(from_client(first.position))
    assert [page.reset for page in found] == [True]
    assert applied({}, changes_of(found)) == database_state()


def test_a_time_between_the_horizon_and_the_first_kept_entry_starts_anew():
    """When the horizon was published is not known any more: perhaps after the time."""
    a, b, c = owners(3)
    publish()
    a.delete()
    rename(b, "old", "new")
    rename(c, "new")
    publish()
    times = {entry.seq: entry.published_at for entry in published()}
    grow_older(days=2)
    pruned(older_than=DAY)
    assert (left(), horizon()) == ([6, 7], 4)
    for seq, is_reset in {3: True, 4: True, 5: True, 6: False, 7: False}.items():
        page = changes_since(times[seq] - 2 * DAY, EVERYONE)
        assert page.reset is is_reset, seq
    assert names(changes_since(times[7] - 2 * DAY, EVERYONE)) == ["new"]


def test_the_tail_of_a_position_below_the_horizon_says_that_it_cannot_go_on():
    a, b = owners(2)
    start = publish()
    rename(b, "a", "b")
    grow_older(days=2)
    pruned(older_than=DAY)
    assert [entry.values["name"] for entry in tail(start, 10).entries] == ["b"]
    a.delete()
    grow_older(days=2)
    pruned(older_than=DAY)
    found = tail(start, 10)
    assert (found.is_replaced, found.entries, found.position) == (True, [], publish())
    assert not tail(found.position, 10).is_replaced
