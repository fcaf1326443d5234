"""Notices of changed rights: each is read once by each relay, however late it appears."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from realtime import notices
from realtime.models import Notice
from realtime.notices import KEPT, WINDOW, Notices, forget_old
from tests.support.late_replica import ReadsFromALateReplica

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(notices, "time", clock)
    return clock


def notice(user_id, **fields):
    return Notice.objects.create(user_id=user_id, **fields)


def test_what_was_there_before_is_none_of_a_relays_business():
    notice("1")
    assert Notices().read() == set()


def test_each_notice_is_read_once():
    found = Notices()
    found.read()
    notice("1")
    notice("2")
    assert found.read() == {"1", "2"}
    assert found.read() == set()


def test_a_notice_that_is_committed_after_a_later_one_is_read():
    found = Notices()
    found.read()
    late = notice("late")
    late.delete()
    notice("early")
    assert found.read() == {"early"}
    notice("late", id=Notice.objects.get().pk - 1)
    assert found.read() == {"late"}


def test_one_of_before_the_beginning_that_appears_late_is_read():
    notice("1", id=5000)
    found = Notices()
    found.read()
    notice("late", id=4500)
    assert found.read() == {"late"}


def test_what_was_seen_long_ago_is_looked_at_no_more(clock):
    found = Notices()
    found.read()
    notice("1", id=5000)
    assert found.read() == {"1"}
    clock.now += WINDOW + 1
    notice("2", id=5001)
    assert found.read() == {"2"}
    assert found._floor == 5000
    notice("too late", id=4999)
    assert found.read() == set()


def test_old_notices_are_forgotten():
    notice("old", created_at=timezone.now() - KEPT - datetime.timedelta(minutes=1))
    notice("new")
    forget_old()
    assert [one.user_id for one in Notice.objects.all()] == ["new"]


@pytest.mark.django_db(databases=["default", "other"])
def test_a_replica_that_is_late_hides_no_notice(settings):
    settings.DATABASE_ROUTERS = [ReadsFromALateReplica()]
    found = Notices()
    found.read()
    notice("1")
    assert found.read() == {"1"}
