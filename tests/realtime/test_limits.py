"""A connection that asks for too much is told so once, and one that does not is never slowed."""

from __future__ import annotations

import math

import pytest

from realtime.conf import Conf
from realtime.errors import RateLimited
from realtime.limits import CHANGES_PER_COST, CatchUpBudget, MessageLimit
from sync.conf import Conf as SyncConf
from tests.realtime.doubles import Clock

PAGE = SyncConf().PAGE_LIMIT
FASTEST_PAGE = 0.02
"""Seconds in which nobody has a page of 500 changes read, sent, applied and asked on from."""


@pytest.fixture
def clock():
    return Clock()


def sent(limit, messages):
    """Return what becomes of each of so many messages."""
    return [one(limit) for _ in range(messages)]


def one(limit):
    try:
        return "answered" if limit.admits() else "dropped"
    except RateLimited:
        return "refused"


def test_the_first_message_beyond_the_limit_is_refused_and_the_others_dropped(settings, clock):
    settings.REALTIME = {"MESSAGE_RATE": 2, "MESSAGE_BURST": 3}
    limit = MessageLimit(clock)
    assert sent(limit, 6) == ["answered"] * 3 + ["refused"] + ["dropped"] * 2


def test_the_error_says_when_the_client_is_heard_again_and_then_it_is(settings, clock):
    settings.REALTIME = {"MESSAGE_RATE": 2, "MESSAGE_BURST": 3}
    limit = MessageLimit(clock)
    sent(limit, 3)
    with pytest.raises(RateLimited) as raised:
        limit.admits()
    assert raised.value.retryable
    clock.now += raised.value.retry_after - 0.01
    assert one(limit) == "dropped"
    clock.now += 0.01
    assert sent(limit, 4) == ["answered"] * 2 + ["refused", "dropped"]


def test_a_flood_is_answered_by_one_error_a_second_at_most(settings, clock):
    settings.REALTIME = {"MESSAGE_RATE": 50, "MESSAGE_BURST": 50}
    limit = MessageLimit(clock)
    found = []
    for _ in range(10_000):
        clock.now += 0.001
        found.append(one(limit))
    assert found.count("refused") <= 10
    assert found.count("answered") <= 50 + 50 * 10


def test_a_burst_that_is_less_than_a_seconds_worth_ends_the_silence_when_it_is_full(
    settings, clock
):
    settings.REALTIME = {"MESSAGE_RATE": 100, "MESSAGE_BURST": 5}
    limit = MessageLimit(clock)
    assert sent(limit, 7) == ["answered"] * 5 + ["refused", "dropped"]
    clock.now += 0.06
    assert sent(limit, 6) == ["answered"] * 5 + ["refused"]


def test_a_rate_below_one_message_a_second_still_lets_messages_through(settings, clock):
    settings.REALTIME = {"MESSAGE_RATE": 0.5, "MESSAGE_BURST": 1}
    limit = MessageLimit(clock)
    assert sent(limit, 3) == ["answered", "refused", "dropped"]
    clock.now += 2
    assert sent(limit, 2) == ["answered", "refused"]


def test_without_a_rate_every_message_is_answered(settings, clock):
    settings.REALTIME = {"MESSAGE_RATE": 0, "MESSAGE_BURST": 1}
    assert set(sent(MessageLimit(clock), 1000)) == {"answered"}


def test_a_page_costs_one_and_one_more_for_each_hundred_changes(settings, clock):
    settings.REALTIME = {"SYNC_COST_RATE": 1, "SYNC_COST_BURST": 10}
    for changes, cost in {0: 1, 1: 2, CHANGES_PER_COST: 2, CHANGES_PER_COST + 1: 3}.items():
        budget = CatchUpBudget(clock)
        budget.charge(changes)
        assert budget._bucket.level == 10 - cost


def test_a_budget_that_is_overspent_refuses_until_it_is_paid_for(settings, clock):
    settings.REALTIME = {"SYNC_COST_RATE": 2, "SYNC_COST_BURST": 6}
    budget = CatchUpBudget(clock)
    budget.charge(PAGE)
    budget.check()
    budget.charge(PAGE)
    with pytest.raises(RateLimited) as raised:
        budget.check()
    assert (raised.value.retryable, raised.value.retry_after) == (True, 3)
    clock.now += 3
    budget.check()


def test_a_client_that_catches_up_with_a_million_records_is_never_refused(clock):
    budget = CatchUpBudget(clock)
    for _ in range(math.ceil(1_000_000 / PAGE)):
        budget.check()
        budget.charge(PAGE)
        clock.now += FASTEST_PAGE


def test_a_client_that_reads_everything_over_and_over_is_slowed(clock):
    budget = CatchUpBudget(clock)
    cost = 1 + PAGE // CHANGES_PER_COST
    refused = 0
    for _ in range(10_000):
        try:
            budget.check()
        except RateLimited as error:
            refused += 1
            clock.now += error.retry_after
        budget.charge(PAGE)
        clock.now += FASTEST_PAGE
    assert refused
    spent, seconds = 10_000 * cost, clock.now - 1000
    assert spent <= Conf().SYNC_COST_BURST + Conf().SYNC_COST_RATE * seconds + cost


def test_without_a_rate_every_page_is_read(settings, clock):
    settings.REALTIME = {"SYNC_COST_RATE": 0, "SYNC_COST_BURST": 1}
    budget = CatchUpBudget(clock)
    for _ in range(100):
        budget.check()
        budget.charge(PAGE)
