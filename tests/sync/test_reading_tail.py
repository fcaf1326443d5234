"""What relays read: each change, as it is published."""

from __future__ import annotations

import pytest

from sync.cursor import Position
from sync.publishing import publish
from sync.reading import tail
from tests.sync.paging import owners
from tests.testapp.models import Memo, Owner

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_tail_holds_each_change_for_every_audience(red):
    start = publish()
    memo = Memo.objects.create(team=red, text="a")
    for text in "bcc":
        memo.text = text
        memo.save()
    Owner.objects.create(name="x")
    found = tail(start, limit=10)
    assert [entry.values.get("text") for entry in found.entries] == ["a", "b", "c", None]
    assert (found.position, found.has_more, found.is_replaced) == (publish(), False, False)


def test_the_tail_comes_in_parts():
    start = publish()
    owners(5)
    found, seen = tail(start, limit=2), []
    while True:
        seen += [entry.values["name"] for entry in found.entries]
        if not found.has_more:
            break
        found = tail(found.position, limit=2)
    assert seen == ["0", "1", "2", "3", "4"]
    assert found.position == publish()
    assert tail(found.position, limit=2).entries == []


def test_the_tail_of_an_unknown_start_is_the_place_to_start_from():
    owners(2)
    found = tail(None, limit=1)
    assert (found.entries, found.position) == ([], publish())


def test_the_tail_notices_that_the_log_was_replaced():
    owners(3)
    end = publish()
    for other in (
        Position("0123abcd", end.seq, end.tag),
        Position(end.epoch, end.seq + 1, end.tag),
        Position(end.epoch, end.seq, "0123abcd"),
        Position(end.epoch, end.seq - 1, "0123abcd"),
    ):
        found = tail(other, limit=5)
        assert (found.is_replaced, found.entries, found.position) == (True, [], end)


def test_the_tail_publishes_one_batch_at_a_time(sync_settings):
    sync_settings(PUBLISH_BATCH=2)
    start = publish()
    owners(5)
    found, seen, parts = tail(start, limit=100), [], 0
    while found.entries:
        seen += [entry.values["name"] for entry in found.entries]
        parts += 1
        assert found.has_more == (len(seen) < 5)
        found = tail(found.position, limit=100)
    assert (seen, parts) == (["0", "1", "2", "3", "4"], 3)


def test_the_first_look_at_a_log_that_waits_says_that_more_is_to_come(sync_settings):
    sync_settings(PUBLISH_BATCH=2)
    owners(5)
    first = tail(None, limit=100)
    assert (first.entries, first.position.seq, first.has_more) == ([], 2, True)
