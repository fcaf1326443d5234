"""How far clients are behind, in changes and in time."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from realtime.lagging import lags
from realtime.presence import end_of_log
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def cursors():
    """The cursors of a log of three changes, of which the second is an hour old and the third new:
    from the one before the first change to the one behind the last."""
    found = [publish().cursor]
    for number in range(3):
        Owner.objects.create(name=str(number))
        found.append(publish().cursor)
    with log_maintenance():
        second = SyncLog.objects.published().order_by("seq")[1]
        SyncLog.objects.filter(pk=second.pk).update(published_at=timezone.now() - HOUR)
    return found


def test_it_is_counted_from_what_was_acknowledged_for_as_long_as_the_next_change_is_there(cursors):
    [lag] = lags([(cursors[1], cursors[3])])
    assert lag.changes == 2
    assert HOUR <= lag.time < 2 * HOUR


def test_whoever_acknowledges_nothing_is_counted_from_what_it_was_sent(cursors):
    [lag] = lags([("", cursors[2])])
    assert lag.changes == 1
    assert lag.time < HOUR


def test_who_has_everything_is_not_behind(cursors):
    [lag] = lags([(cursors[3], "")])
    assert (lag.changes, lag.time) == (0, datetime.timedelta())


@pytest.mark.parametrize("unknown", ["", "0123abcd-1-00000000", "no cursor"])
def test_of_who_has_no_place_in_this_log_nothing_is_known(cursors, unknown):
    assert lags([(unknown, unknown)]) == [None]


def test_without_a_log_nothing_is_known():
    assert end_of_log() is None
    assert lags([("0123abcd-1-00000000", "")]) == [None]


def test_many_clients_cost_as_many_queries_as_one(cursors):
    with Statements() as of_one:
        lags([(cursors[0], "")])
    with Statements() as of_many:
        lags([(cursor, "") for cursor in cursors for _ in range(20)])
    assert len(of_one) == len(of_many) == 2
