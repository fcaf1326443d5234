"""A client is warned before its credential ends, and sent away when it does; no test waits."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from realtime.expiry import Expiry
from tests.realtime.doubles import NOON, connection_of, grant_of


class Loop:
    """A clock that a test sets, and the timers that it makes fire."""

    def __init__(self):
        self.now = NOON
        self.timers = []

    def clock(self):
        return self.now

    def call_later(self, seconds, callback):
        timer = Timer(self.now + datetime.timedelta(seconds=seconds), callback)
        self.timers.append(timer)
        return timer

    @property
    def waiting(self):
        return [timer for timer in self.timers if not timer.is_over]

    def advance(self, seconds):
        """Let time pass, and all fire that is due meanwhile, each at its time."""
        end = self.now + datetime.timedelta(seconds=seconds)
        while due := [timer for timer in self.waiting if timer.at <= end]:
            timer = min(due, key=lambda one: one.at)
            self.now, timer.is_over = max(self.now, timer.at), True
            timer.callback()
        self.now = end


class Timer:
    def __init__(self, at, callback):
        self.at, self.callback, self.is_over = at, callback, False

    def cancel(self):
        self.is_over = True


@pytest.fixture
def loop():
    return Loop()


class Timed:
    """A connection whose credential ends in so many seconds."""

    def __init__(self, loop):
        self.loop = loop
        self.connection = connection_of()
        self.expiry = Expiry(self.connection, loop.clock, loop.call_later)

    def granted(self, seconds):
        end = None if seconds is None else self.loop.now + datetime.timedelta(seconds=seconds)
        grant = dataclasses.replace(grant_of(None), expires_at=end)
        self.connection.identity = dataclasses.replace(self.connection.identity, grant=grant)
        self.connection.on_identity()

    @property
    def said(self):
        return [message["type"] for message in self.connection.transport.messages]

    @property
    def closed(self):
        return self.connection.transport.closed and int(self.connection.transport.closed[0])


@pytest.fixture
def timed(loop):
    return Timed(loop)


def test_a_client_is_warned_in_time_and_sent_away_at_the_end(timed, loop):
    timed.granted(600)
    loop.advance(539)
    assert timed.said == []
    loop.advance(1)
    [warning] = timed.connection.transport.messages
    assert warning["type"] == "token_expiring"
    assert warning["expiresAt"] == "2026-01-31T12:10:00.000000Z"
    loop.advance(59)
    assert timed.said == ["token_expiring"]
    assert timed.closed is None
    loop.advance(1)
    assert timed.said == ["token_expiring", "goodbye"]
    goodbye = timed.connection.transport.messages[-1]
    assert (goodbye["code"], goodbye["reconnect"]) == (4003, True)
    assert timed.closed == 4003
    assert loop.waiting == []


def test_a_client_that_is_sent_away_hears_nothing_more(timed, loop):
    timed.connection.gaining = frozenset({"team:1"})
    timed.granted(600)
    loop.advance(600)
    assert timed.connection.permitted == frozenset()


def test_how_long_before_is_set(timed, loop, settings):
    settings.REALTIME = {"TOKEN_WARNING": 5}
    timed.granted(600)
    loop.advance(594)
    assert timed.said == []
    loop.advance(1)
    assert timed.said == ["token_expiring"]


def test_nobody_is_warned_where_that_is_set(timed, loop, settings):
    settings.REALTIME = {"TOKEN_WARNING": 0}
    timed.granted(600)
    loop.advance(599)
    assert timed.said == []
    loop.advance(1)
    assert timed.said == ["goodbye"]


def test_who_comes_with_little_left_is_warned_at_once(timed, loop):
    timed.granted(30)
    assert timed.said == ["token_expiring"]
    loop.advance(30)
    assert timed.closed == 4003


@pytest.mark.parametrize("seconds", [0, -1])
def test_who_comes_with_nothing_left_is_sent_away_at_once(timed, seconds):
    timed.granted(seconds)
    assert timed.said == ["goodbye"]


def test_what_never_ends_sets_no_timer(timed, loop):
    timed.granted(None)
    assert loop.timers == []


def test_a_new_token_moves_warning_and_end(timed, loop):
    timed.granted(600)
    loop.advance(540)
    timed.granted(3600)
    loop.advance(3539)
    assert timed.said == ["token_expiring"]
    loop.advance(1)
    assert timed.said == ["token_expiring"] * 2
    loop.advance(60)
    assert timed.closed == 4003
    assert len(loop.timers) - len(loop.waiting) == len(loop.timers)


def test_a_new_token_without_an_end_takes_the_end_away(timed, loop):
    timed.granted(600)
    timed.granted(None)
    assert loop.waiting == []


def test_an_end_that_comes_nearer_is_kept_to(timed, loop):
    timed.granted(3600)
    timed.granted(100)
    loop.advance(40)
    assert timed.said == ["token_expiring"]
    loop.advance(60)
    assert timed.closed == 4003


def test_looking_a_credential_up_again_warns_of_the_same_end_once(timed, loop):
    timed.granted(600)
    loop.advance(550)
    for _ in range(5):
        timed.connection.on_identity()
    assert timed.said == ["token_expiring"]
    assert len(loop.waiting) == 1


def test_a_clock_that_is_set_back_ends_nothing_early(timed, loop):
    timed.granted(600)
    [timer] = loop.waiting
    loop.now -= datetime.timedelta(hours=1)
    timer.is_over = True
    timer.callback()
    assert timed.said == []
    loop.advance(3600 + 600)
    assert timed.closed == 4003


def test_a_connection_that_ended_is_left_alone(timed, loop):
    timed.granted(600)
    timed.expiry.stop()
    loop.advance(600)
    assert timed.said == []


def test_a_connection_that_is_closing_sets_no_timer(timed, loop):
    timed.connection.transport.close(1001, "")
    timed.granted(600)
    assert loop.waiting == []
