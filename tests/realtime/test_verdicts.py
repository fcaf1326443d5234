"""The verdict over every combination of facts, against a table that says each case by itself."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from realtime.models import Right
from realtime.verdicts import Facts, Holding, Outcome, holding, verdict

SEQ, BEFORE, AFTER = 10, 5, 15

PLACES = {
    "joined": (None, BEFORE, SEQ),
    "handed": (None, BEFORE, SEQ),
    "sent": (None, BEFORE, SEQ, AFTER),
    "acknowledged": (None, BEFORE, SEQ, AFTER),
}

HEARD = (Holding.HELD, Holding.GAINED)

# What each outcome needs, whatever the other facts are; a case that is not named counts as any.
NEEDS = {
    Outcome.WAITING: {"seq": (None,)},
    Outcome.UNCHANGED: {"is_event": (False,)},
    Outcome.NEVER_HELD: {"holding": (Holding.NEVER,)},
    Outcome.UNNOTICED: {"holding": (Holding.UNNOTICED,)},
    Outcome.LOST: {"holding": (Holding.LOST,)},
    Outcome.TAKEN: {"holding": (Holding.TAKEN,)},
    Outcome.OUT_OF_SCOPE: {"holding": HEARD, "in_scope": (False,)},
    Outcome.TABLE_LEFT_OUT: {"holding": HEARD, "in_scope": (True,), "hears_table": (False,)},
    Outcome.AUDIENCE_LEFT_OUT: {
        "holding": HEARD,
        "in_scope": (True,),
        "hears_table": (True,),
        "hears_audience": (False,),
    },
    Outcome.ACKNOWLEDGED: {"acknowledged": (SEQ, AFTER)},
    Outcome.SENT_LIVE: {
        "holding": (Holding.HELD,),
        "acknowledged": (None, BEFORE),
        "joined": (BEFORE,),
        "handed": (SEQ,),
    },
    Outcome.SENT_IN_PAGES: {
        "holding": (Holding.HELD,),
        "acknowledged": (None, BEFORE),
        "sent": (SEQ, AFTER),
    },
    Outcome.SENT_WITH_AUDIENCE: {
        "holding": (Holding.GAINED,),
        "acknowledged": (None, BEFORE, SEQ),
        "sent": (AFTER,),
    },
    Outcome.NOT_READING: {"is_connected": (True,), "is_reading": (False,)},
    Outcome.NOT_ASKED: {
        "holding": (Holding.HELD,),
        "is_connected": (True,),
        "is_reading": (True,),
        "joined": (SEQ,),
    },
    Outcome.ON_ITS_WAY: {"is_connected": (True,), "is_reading": (True,)},
    Outcome.BARRED: {"is_connected": (False,), "may_connect": (False,)},
    Outcome.NEVER_CONNECTED: {
        "is_connected": (False,),
        "may_connect": (True,),
        "joined": (None,),
        "acknowledged": (None,),
    },
    Outcome.AWAY: {"is_connected": (False,), "may_connect": (True,)},
}

# To these a change that is not to be heard, or has come already, cannot get.
HEARABLE = {
    "seq": (SEQ,),
    "is_event": (True,),
    "holding": HEARD,
    "in_scope": (True,),
    "hears_table": (True,),
    "hears_audience": (True,),
}
DELIVERED = {Outcome.ACKNOWLEDGED, Outcome.SENT_LIVE, Outcome.SENT_IN_PAGES}
DELIVERED |= {Outcome.SENT_WITH_AUDIENCE}
PENDING = {Outcome.NOT_READING, Outcome.NOT_ASKED, Outcome.ON_ITS_WAY}
PENDING |= {Outcome.BARRED, Outcome.NEVER_CONNECTED, Outcome.AWAY}


def every_combination():
    flags = ("is_event", "in_scope", "hears_table", "hears_audience")
    flags += ("may_connect", "is_connected", "is_reading")
    for seq, held in itertools.product((None, SEQ), Holding):
        turned = {Holding.GAINED: 12, Holding.TAKEN: 12, Holding.LOST: 3}.get(held)
        for said in itertools.product((True, False), repeat=len(flags)):
            chosen = dict(zip(flags, said, strict=True))
            for places in itertools.product(*PLACES.values()):
                known = dict(zip(PLACES, places, strict=True))
                yield Facts(seq=seq, holding=held, turned=turned, **chosen, **known)


@pytest.fixture(scope="module")
def cases():
    return [(facts, verdict(facts)) for facts in every_combination()]


def fits(facts, needs):
    return all(getattr(facts, name) in allowed for name, allowed in needs.items())


def test_each_outcome_is_reached_and_by_nothing_but_what_it_needs(cases):
    for facts, outcome in cases:
        assert fits(facts, NEEDS[outcome]), (facts, outcome)
    assert {outcome for _, outcome in cases} == set(Outcome) == set(NEEDS)


def test_only_what_is_to_be_heard_comes_or_is_waited_for(cases):
    for facts, outcome in cases:
        assert (outcome in DELIVERED | PENDING) == fits(facts, HEARABLE), (facts, outcome)


def test_what_has_come_is_never_waited_for(cases):
    needed = {Holding.HELD: (SEQ, AFTER), Holding.GAINED: (AFTER,)}
    for facts, outcome in cases:
        if outcome in PENDING:
            assert facts.sent not in needed[facts.holding], facts
            assert facts.acknowledged not in needed[facts.holding], facts
            assert facts.holding == Holding.GAINED or not facts.was_live, facts


def test_an_acknowledgement_settles_it_for_all_that_is_to_be_heard(cases):
    for facts, outcome in cases:
        if outcome in DELIVERED | PENDING:
            settled = verdict(dataclasses.replace(facts, acknowledged=AFTER))
            assert settled == Outcome.ACKNOWLEDGED
            assert outcome == Outcome.ACKNOWLEDGED or facts.acknowledged != AFTER


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, Outcome.NEVER_CONNECTED),
        ({"may_connect": False}, Outcome.BARRED),
        ({"may_connect": False, "is_connected": True, "joined": 5}, Outcome.ON_ITS_WAY),
        ({"joined": 2, "handed": 8, "sent": 8}, Outcome.AWAY),
        ({"joined": 2, "handed": 12}, Outcome.SENT_LIVE),
        ({"joined": 10, "handed": 12, "is_connected": True}, Outcome.NOT_ASKED),
        ({"joined": 10, "handed": 12, "sent": 12, "is_connected": True}, Outcome.SENT_IN_PAGES),
        ({"joined": 2, "handed": 9, "is_connected": True}, Outcome.ON_ITS_WAY),
        (
            {"joined": 2, "handed": 9, "is_connected": True, "is_reading": False},
            Outcome.NOT_READING,
        ),
        ({"acknowledged": 10, "holding": Holding.GAINED, "turned": 12}, Outcome.AWAY),
        ({"acknowledged": 13, "holding": Holding.GAINED, "turned": 12}, Outcome.ACKNOWLEDGED),
        ({"acknowledged": 15, "holding": Holding.LOST, "turned": 3}, Outcome.LOST),
        ({"seq": None, "is_event": False}, Outcome.WAITING),
    ],
)
def test_a_verdict_for_each_story(facts, outcome):
    assert verdict(Facts(**({"seq": SEQ} | facts))) == outcome


EVER, NOW = None, None


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(EVER, NOW)], (Holding.HELD, None)),
        ([(9, NOW)], (Holding.HELD, 9)),
        ([(10, NOW)], (Holding.GAINED, 10)),
        ([(12, NOW)], (Holding.GAINED, 12)),
        ([(EVER, 10)], (Holding.TAKEN, 10)),
        ([(EVER, 9)], (Holding.LOST, 9)),
        ([(EVER, 4), (8, NOW)], (Holding.HELD, 8)),
        ([(EVER, 11), (14, NOW)], (Holding.GAINED, 14)),
        ([(EVER, 4), (6, 8)], (Holding.LOST, 8)),
        ([(8, NOW), (9, NOW)], (Holding.HELD, 8)),
        ([(EVER, NOW), (12, NOW)], (Holding.HELD, None)),
    ],
)
def test_how_a_user_stands_to_an_audience_follows_from_its_intervals(intervals, expected):
    rows = [Right(gained_seq=gained, lost_seq=lost) for gained, lost in intervals]
    for is_given, is_new in itertools.product((True, False), repeat=2):
        assert holding(rows, SEQ, is_given=is_given, is_new=is_new) == expected


@pytest.mark.parametrize(
    ("is_given", "is_new", "expected"),
    [
        (True, True, Holding.HELD),
        (True, False, Holding.UNNOTICED),
        (False, True, Holding.NEVER),
        (False, False, Holding.NEVER),
    ],
)
def test_without_intervals_what_the_host_gives_now_counts_for_who_is_new(
    is_given, is_new, expected
):
    assert holding([], SEQ, is_given=is_given, is_new=is_new) == (expected, None)
