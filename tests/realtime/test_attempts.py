"""Wrong pairing codes are limited, per address and in all, within each minute."""

from __future__ import annotations

import threading

import pytest

from realtime.attempts import Attempts
from realtime.errors import RateLimited

HOME, AWAY = "192.0.2.7", "192.0.2.8"


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def attempts(settings, clock):
    settings.REALTIME = {"PAIRING_ATTEMPTS": 3, "PAIRING_ATTEMPTS_IN_ALL": 5}
    return Attempts(clock)


def admitted(attempts, address, times):
    count = 0
    for _ in range(times):
        try:
            attempts.begin(address)
        except RateLimited:
            continue
        count += 1
    return count


def test_an_address_may_try_as_often_as_is_set(attempts):
    assert admitted(attempts, HOME, 10) == 3
    assert admitted(attempts, AWAY, 1) == 1


def test_all_addresses_together_may_try_as_often_as_is_set(attempts):
    assert sum(admitted(attempts, f"192.0.2.{last}", 2) for last in range(10)) == 5


def test_what_was_refused_does_not_count_for_the_others(attempts):
    admitted(attempts, HOME, 100)
    assert admitted(attempts, AWAY, 10) == 2


def test_the_next_minute_begins_anew(attempts, clock):
    admitted(attempts, HOME, 3)
    clock.seconds = 59.9
    assert admitted(attempts, HOME, 1) == 0
    clock.seconds = 60.0
    assert admitted(attempts, HOME, 10) == 3


def test_who_is_right_may_go_on(attempts):
    for _ in range(10):
        attempts.begin(HOME).take_back()
    assert admitted(attempts, HOME, 10) == 3


def test_a_success_that_took_into_the_next_minute_does_not_count_there(attempts, clock):
    slow = attempts.begin(HOME)
    clock.seconds = 60.0
    admitted(attempts, HOME, 3)
    slow.take_back()
    assert admitted(attempts, HOME, 1) == 0


def test_many_at_once_are_not_more_than_one_after_the_other(attempts):
    together, found = threading.Barrier(8), []

    def attempt():
        together.wait(20)
        found.append(admitted(attempts, HOME, 5))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(found) == 3


def test_what_is_kept_is_bounded_whoever_comes(attempts):
    for number in range(1000):
        admitted(attempts, f"address {number}", 1)
    assert len(attempts._wrong) <= 5


def test_being_refused_says_when_to_try_again(attempts):
    admitted(attempts, HOME, 3)
    with pytest.raises(RateLimited, match="Wait a minute") as refused:
        attempts.begin(HOME)
    assert refused.value.retryable
