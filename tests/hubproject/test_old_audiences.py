"""A planner that everybody heard once: its old entries reach nobody who may not hear them today."""

from __future__ import annotations

import pytest

from hubproject.audiences import audiences_for
from hubproject.models import PlannerEntry, Task
from hubproject.old_audiences import withdraw_from_everyone
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from sync.registry import EVERYONE
from tests.support.open_planner import open_planner
from tests.support.state import database_state

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old_log(ada, move):
    """The position of a client that has heard everything."""
    with open_planner():
        for title in ("Sign the lease", "Order desks"):
            move.tasks.create(title=title)
        move.save()
        PlannerEntry.objects.create(date="2026-01-31", title="Call", owner=ada)
        Task.objects.get(title="Order desks").delete()
    publish()
    return changes_since(None, {EVERYONE}).position


def names(page):
    return {(change.table, change.record_id) for change in page.changes}


def test_everybody_forgets_it_and_those_who_may_hear_it_get_it_again(ada, bob, old_log):
    withdraw_from_everyone()
    assert names(changes_since(None, set(audiences_for(bob)))) == set()
    told = changes_since(old_log, {EVERYONE}).changes
    assert {change.action for change in told} == {"delete"}
    heard = set(audiences_for(ada))
    assert names(changes_since(None, heard)) == set(database_state(heard))


def test_what_was_not_published_yet_is_withdrawn_too(ada, bob, move):
    with open_planner():
        move.tasks.create(title="Sign the lease")
    withdraw_from_everyone()
    assert names(changes_since(None, set(audiences_for(bob)))) == set()


def test_a_second_time_finds_nothing_to_do(old_log):
    withdraw_from_everyone()
    publish()
    entries = SyncLog.objects.count()
    withdraw_from_everyone()
    publish()
    assert SyncLog.objects.count() == entries
