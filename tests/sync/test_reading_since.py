"""Where a client starts to read: after a time, after a cursor, or anew."""

from __future__ import annotations

import datetime

import pytest
from django.db.models import Q
from django.utils import timezone

from sync.cursor import Position
from sync.models import LogHead, Newest, SyncLog, is_newest, log_maintenance
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.state import database_state
from tests.sync.observing import applied, published
from tests.sync.paging import EVERYONE, changes_of, from_client, names, owners, pages, together
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_time_gives_what_was_published_at_or_after_it():
    owners(4)
    publish()
    times = [entry.published_at for entry in published()]
    assert names(changes_since(times[2], EVERYONE)) == ["2", "3"]
    assert names(changes_since(times[1] + datetime.timedelta(microseconds=1), EVERYONE)) == [
        "2", "3",
    ]  # fmt: skip
    assert names(changes_since(timezone.now() - datetime.timedelta(days=1), EVERYONE)) == [
        "0", "1", "2", "3",
    ]  # fmt: skip
    later = changes_since(times[3] + datetime.timedelta(days=1), EVERYONE)
    assert (later.changes, later.has_more, later.reset) == ([], False, False)


def test_a_time_gives_deletes_as_well():
    [owner] = owners(1)
    owner.delete()
    page = changes_since(timezone.now() - datetime.timedelta(days=1), EVERYONE)
    assert [entry.action for entry in page.changes] == ["delete"]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_client_that_knows_only_times_gets_everything(limit):
    together(5)
    owners(3)
    together(2)[0].delete()
    since, store = timezone.now() - datetime.timedelta(days=1), {}
    for _ in range(40):
        page = changes_since(since, EVERYONE, limit=limit)
        store = applied(store, page.changes)
        if page.changes:
            since = page.changes[-1].published_at
        if not page.has_more:
            break
    assert not page.has_more
    assert store == database_state()


def assert_starts_anew(page):
    assert page.reset
    assert applied({}, page.changes) == database_state()
    assert not any(entry.action == "delete" for entry in page.changes)


def test_a_cursor_of_another_epoch_starts_anew():
    owners(2)[0].delete()
    end = publish()
    other = Position("0123abcd", end.seq, end.tag)
    assert_starts_anew(changes_since(other, EVERYONE))


def test_a_cursor_ahead_of_the_log_starts_anew():
    owners(2)
    end = publish()
    assert_starts_anew(changes_since(Position(end.epoch, end.seq + 1, end.tag), EVERYONE))


def test_a_cursor_below_the_horizon_starts_anew():
    owners(4)
    publish()
    log = published()
    LogHead.objects.update(horizon=2)
    epoch = publish().epoch
    below, at, above = (Position.of_entry(epoch, log[index]) for index in (0, 1, 2))
    assert_starts_anew(changes_since(below, EVERYONE))
    assert names(changes_since(at, EVERYONE)) == ["2", "3"]
    assert names(changes_since(above, EVERYONE)) == ["3"]


def test_a_time_below_the_horizon_starts_anew():
    """Also where all that is kept is younger: what was removed may have been younger as well."""
    a, b, c, d = owners(4)
    publish()
    b.delete()
    c.delete()
    publish()
    times = [entry.published_at for entry in published()]
    with log_maintenance():
        gone = SyncLog.objects.filter(~Q(is_newest()) | Q(action="delete"), seq__lte=6)
        gone.delete()
    LogHead.objects.update(horizon=6)
    for since in times:
        assert_starts_anew(changes_since(since, EVERYONE))
    d.name = "new"
    d.save()
    for since in times:
        assert_starts_anew(changes_since(since, EVERYONE))
    assert not changes_since(timezone.now() + datetime.timedelta(days=1), EVERYONE).reset


def test_a_client_that_was_up_to_date_at_the_horizon_needs_no_new_start():
    owners(3)
    end = publish()
    LogHead.objects.update(horizon=end.seq)
    assert not changes_since(from_client(end), EVERYONE).reset
    since = end.published_at + datetime.timedelta(microseconds=1)
    assert not changes_since(since, EVERYONE).reset


@pytest.mark.parametrize("written_since", [0, 1, 2, 3])
def test_a_restored_backup_is_noticed_although_its_numbers_are_used_again(written_since):
    owners(2)
    backup = publish()
    lost = together(2)
    ahead = publish()
    with log_maintenance():
        for model in (SyncLog, Newest):
            model.objects.filter(seq__gt=backup.seq).delete()
    Owner.objects.filter(pk__in=[owner.pk for owner in lost])._raw_delete("default")
    with log_maintenance():
        SyncLog.objects.pending().delete()
    restored = SyncLog.objects.get(seq=backup.seq)
    LogHead.objects.update(seq=backup.seq, transaction=restored.transaction)
    owners(written_since)
    assert_starts_anew(changes_since(from_client(ahead), EVERYONE))
    assert not changes_since(from_client(backup), EVERYONE).reset


def test_the_pages_after_a_new_start_are_ordinary_ones():
    owners(5)
    found = pages(Position("0123abcd", 3, "00000000"), limit=2)
    assert [page.reset for page in found] == [True, False, False]
    assert applied({}, changes_of(found)) == database_state()
