"""Entries of the log as messages: what is said of a change, and what is left out."""

from __future__ import annotations

import datetime
import json
import uuid

import pytest

from realtime.encoding import timestamp
from tests.realtime.doubles import NOON, live_event, position

CHANGE = {
    "table": "tasks",
    "recordId": "7",
    "action": "update",
    "data": {"id": 7},
    "changed": ["title"],
    "audience": "everyone",
    "timestamp": "2026-01-31T12:00:00.000000Z",
    "cursor": position(7).cursor,
    "transaction": str(uuid.UUID(int=7)),
}


def test_an_event_says_what_changed_and_where_the_log_stands():
    assert json.loads(live_event(7).frame.text) == {
        "type": "event",
        "event": "task.updated",
        "data": CHANGE,
        "timestamp": CHANGE["timestamp"],
        "cursor": CHANGE["cursor"],
    }


def test_an_event_for_a_client_that_has_not_caught_up_holds_no_cursor_anywhere():
    message = json.loads(live_event(7).frame_without_cursor.text)
    assert "cursor" not in message
    assert message["data"] == {name: CHANGE[name] for name in CHANGE if name != "cursor"}


def test_each_form_of_an_event_is_encoded_once():
    event = live_event(7)
    assert event.frame is event.frame
    assert event.frame_without_cursor is event.frame_without_cursor


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"client_id": "laptop"}, {"origin": "laptop"}),
        ({"cause": "moved", "data": "", "action": "delete"}, {"cause": "moved"}),
        ({"changed": "[]"}, {"changed": []}),
        ({"record_id": '["A",1]'}, {"recordId": '["A",1]'}),
        ({"data": '{"name":"Zoë \\"Z\\""}'}, {"data": {"name": 'Zoë "Z"'}}),
    ],
)
def test_what_an_entry_holds_is_said(fields, expected):
    change = json.loads(live_event(7, **fields).frame.text)["data"]
    assert expected.items() <= change.items()


@pytest.mark.parametrize(
    ("fields", "absent"),
    [
        ({"client_id": ""}, "origin"),
        ({"cause": ""}, "cause"),
        ({"data": ""}, "data"),
    ],
)
def test_what_an_entry_does_not_hold_is_left_out(fields, absent):
    assert absent not in json.loads(live_event(7, **fields).frame.text)["data"]


@pytest.mark.parametrize(
    "fields", [{"cause": "arrived"}, {"changed": None}, {"changed": None, "cause": "redacted"}]
)
def test_a_record_that_its_audience_did_not_have_is_an_insert_without_a_word_of_before(fields):
    event = json.loads(live_event(7, event="task.statusChanged", **fields).frame.text)
    assert event["data"]["action"] == "insert"
    assert event["data"].get("cause") == fields.get("cause")
    assert "changed" not in event["data"]
    assert event["event"] == "task.created"


def test_an_arrival_has_the_event_that_the_host_gave_to_inserts():
    fields = {"table": "testapp_memo", "cause": "arrived", "event": "memo.teamChanged"}
    assert json.loads(live_event(7, **fields).frame.text)["event"] == "memo.changed"
    gone = {"action": "delete", "changed": None, "event": "task.deleted"}
    assert json.loads(live_event(7, **gone).frame.text)["data"]["action"] == "delete"


def test_nothing_of_who_and_why_is_told_to_clients():
    text = live_event(
        7, actor_id="17", actor="ada.lovelace", reason="secret reason", request_id="request-9"
    ).frame.text
    assert not any(word in text for word in ("ada", "secret", "request-9", '"17"'))


def test_a_timestamp_is_utc_with_microseconds():
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime(2026, 1, 31, 17, 30, tzinfo=east)
    assert timestamp(moment) == timestamp(NOON) == "2026-01-31T12:00:00.000000Z"
