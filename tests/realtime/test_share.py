"""What is sent to all who hear the same: composed once, and cut where a client is looked at."""

from __future__ import annotations

import json

import pytest

from realtime.frames import Frame
from realtime.share import BATCH_BYTES, Form, Share, Shares
from tests.realtime.doubles import live_event, position

EACH = Form(batch=False, with_cursors=True)
BATCH = Form(batch=True, with_cursors=True)
EVENTS = tuple(live_event(number) for number in (1, 2, 3))


def numbers(frame: Frame):
    message = json.loads(frame.text)
    return [int(one["data"]["recordId"]) for one in message.get("events", [message])]


def test_each_event_is_a_frame_of_its_own_and_the_same_in_every_share():
    [one], [other] = Share(EVENTS, EACH).frames, Share(EVENTS[1:], EACH).frames
    assert list(one.each) == [event.frame for event in EVENTS]
    assert one.each[1] is other.each[0]


def test_frames_are_written_together_and_the_bytes_made_once():
    share = Share(EVENTS, EACH)
    [run] = share.frames
    assert run.wire == b"".join(event.frame.wire for event in EVENTS)
    assert share.frames[0] is run
    assert Share(EVENTS[:1], EACH).frames == (EVENTS[0].frame,)


def test_a_batch_is_one_frame_and_is_composed_once():
    share = Share(EVENTS, BATCH)
    [frame] = share.frames
    assert numbers(frame) == [1, 2, 3]
    assert share.frames[0] is frame


def test_a_batch_of_one_is_the_event_as_it_is():
    assert Share(EVENTS[:1], BATCH).frames == (EVENTS[0].frame,)


@pytest.mark.parametrize("batch", [True, False])
def test_who_is_given_no_cursors_gets_none(batch):
    frames = Share(EVENTS, Form(batch, with_cursors=False)).frames
    assert not any("cursor" in frame.text for run in frames for frame in run.each)


def test_a_batch_is_closed_when_it_is_large():
    large = f'{{"notes":"{"x" * (BATCH_BYTES // 2)}"}}'
    events = tuple(live_event(number, data=large) for number in (1, 2, 3))
    assert [numbers(frame) for frame in Share(events, BATCH).frames] == [[1, 2], [3]]
    assert [len(run.each) for run in Share(events, EACH).frames] == [2, 1]


def test_the_end_is_behind_what_was_sent():
    large = f'{{"notes":"{"x" * BATCH_BYTES}"}}'
    events = (EVENTS[0], live_event(2, data=large), EVENTS[2])
    assert Share(EVENTS, EACH).end(1) == position(3)
    for form in (EACH, BATCH):
        assert [Share(events, form).end(sent) for sent in (1, 2)] == [position(2), position(3)]


def test_there_is_one_share_of_the_same_events_in_the_same_form():
    shares = Shares()
    one = shares.of(EVENTS, EACH)
    assert shares.of(list(EVENTS), EACH) is one
    assert shares.of(EVENTS, BATCH) is not one
    assert shares.of(EVENTS[1:], EACH) is not one


def test_who_hears_both_hears_them_in_the_order_of_the_log():
    shares = Shares()
    odd, even = shares.of(EVENTS[::2], BATCH), shares.of(EVENTS[1:2], BATCH)
    both = shares.joined(odd, even)
    assert both.events == EVENTS
    assert both.form == BATCH
    assert shares.joined(even, odd) is both
