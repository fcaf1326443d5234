"""A verdict is what was measured, round by round, and none is given on what was not."""

from __future__ import annotations

from benchmarks.fanout_measures import Speed, Storm
from benchmarks.fanout_report import judged, p99, ratio
from benchmarks.fanout_rounds import BATCHED, ONE_BY_ONE, Found
from benchmarks.fanout_subjects import CHANNELS, HUB, NODE_WS


def speeds(*rates: float) -> list[Speed]:
    return [Speed(rate=rate, microseconds=1, bytes=200, busy=0.5) for rate in rates]


def verdicts(found: Found) -> list[str]:
    return list(judged(found, 5000))


def test_a_ratio_is_taken_within_a_round():
    assert ratio([10, 100, 30], [5, 100, 10]) == 2
    assert ratio([10], [5, 5]) is None
    assert ratio([], []) is None


def test_nothing_is_said_of_what_was_not_measured():
    assert verdicts(Found()) == []
    found = Found()
    found.fanout[HUB][1000] = speeds(100)
    assert verdicts(found) == []


def test_each_goal_is_judged_with_its_own_bound():
    found = Found()
    found.fanout[HUB] = {1000: speeds(1200), 10_000: speeds(959)}
    found.fanout[CHANNELS] = {1000: speeds(20)}
    found.fanout[NODE_WS] = {1000: speeds(1001)}
    found.memory = {HUB: [800], CHANNELS: [1000]}
    found.batch = {BATCHED: speeds(49), ONE_BY_ONE: speeds(10)}
    found.storm = {HUB: [Storm(1.5, 0, 1)], CHANNELS: [Storm(1.0, 0, 1)]}
    found.latency = {HUB: [0.01], CHANNELS: [0.2]}
    found.read = [0.004]
    assert [text.split("**")[1] for text in verdicts(found)] == [
        "PASS",  # 60 times Channels
        "FAIL",  # 1.199 times Node
        "PASS",  # a twentieth of the time of Channels
        "FAIL",  # 6 ms above a read
        "PASS",  # 0.8 of the memory
        "FAIL",  # 4.9 times by batches
        "PASS",  # 1.5 times the storm
        "FAIL",  # 0.799 of the throughput
    ]


def test_one_of_a_hundred_may_be_late():
    times = [1.0] * 99 + [9.0]
    assert p99(times) == 1.0
    assert p99([*times, 9.0]) == 9.0
    assert p99([9.0]) == 9.0
