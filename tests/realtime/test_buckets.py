"""Tokens are there at once, come back with time, and can be owed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.buckets import TokenBucket
from tests.realtime.doubles import Clock


@pytest.fixture
def clock():
    return Clock()


def test_a_bucket_is_full_at_first_and_refills_no_further(clock):
    bucket = TokenBucket(2, 10, clock)
    assert bucket.level == 10
    clock.now += 60
    assert bucket.level == 10


def test_what_was_spent_comes_back_at_its_rate(clock):
    bucket = TokenBucket(2, 10, clock)
    bucket.spend(10)
    assert bucket.level == 0
    assert bucket.seconds_until(1) == 0.5
    clock.now += 0.5
    assert bucket.level == 1
    assert bucket.seconds_until(1) == 0


def test_a_debt_is_no_greater_than_the_bucket(clock):
    bucket = TokenBucket(2, 10, clock)
    bucket.spend(1000)
    assert bucket.level == -10
    assert bucket.seconds_until(0) == 5


def test_a_rate_of_nothing_is_no_limit(clock):
    bucket = TokenBucket(0, 10, clock)
    bucket.spend(1000)
    assert bucket.level == math.inf
    assert bucket.seconds_until(1000) == 0


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), max_size=60),
    st.floats(0.1, 50),
    st.floats(1, 50),
)
def test_who_spends_only_what_is_there_never_gets_more_than_burst_and_rate(steps, rate, burst):
    clock = Clock()
    bucket = TokenBucket(rate, burst, clock)
    began, spent = clock.now, 0.0
    for seconds, tokens in steps:
        clock.now += seconds
        if bucket.level >= tokens:
            bucket.spend(tokens)
            spent += tokens
        assert spent <= burst + rate * (clock.now - began) + 1e-6
        assert -burst <= bucket.level <= burst
