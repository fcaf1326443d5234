"""The horizon: who is told to start anew because the log has forgotten a delete, and who is not."""

from __future__ import annotations

import datetime

import pytest

from sync.cursor import Position
from sync.publishing import publish
from sync.reading import changes_since, tail
from tests.support.state import database_state
from tests.sync.aging import grow_older, horizon, pruned
from tests.sync.observing import applied, published
from tests.sync.paging import EVERYONE, changes_of, from_client, names, owners, pages

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)


def rename(owner, *new_names):
    for name in new_names:
        owner.name = name
        owner.save()


def left():
    return [entry.seq for entry in published()]


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
