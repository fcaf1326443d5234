"""Messages decode and encode as the protocol says, and no text is too strange to be answered."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.errors import ErrorCode, InvalidJson, InvalidMessage, RealtimeError, UnknownType
from realtime.messages import (
    Change,
    ErrorMessage,
    Event,
    Goodbye,
    Hello,
    Limits,
    Ping,
    Pong,
    SyncRequest,
    SyncResponse,
    Welcome,
    decode,
    encode,
)
from realtime.messages import given as field_of

CURSOR = "0123abcd-42-89abcdef"
NOW = "2026-01-31T12:00:00.000000Z"

CHANGE = Change(
    table="tasks",
    record_id="7",
    action="update",
    data=msgspec.Raw(b'{"id":7,"status":"done"}'),
    changed=msgspec.Raw(b'["status"]'),
    audience="everyone",
    timestamp=NOW,
    cursor=CURSOR,
    transaction="8b2d2d1e-6f3c-4f6e-9d57-0d8f4f1d2b11",
    origin="laptop",
    cause="moved",
)
CHANGE_ON_THE_WIRE = {
    "table": "tasks",
    "recordId": "7",
    "action": "update",
    "data": {"id": 7, "status": "done"},
    "changed": ["status"],
    "audience": "everyone",
    "timestamp": NOW,
    "cursor": CURSOR,
    "transaction": "8b2d2d1e-6f3c-4f6e-9d57-0d8f4f1d2b11",
    "origin": "laptop",
    "cause": "moved",
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"ping"}', Ping()),
        (f'{{"type":"ping","id":"a","cursor":"{CURSOR}"}}', Ping(id="a", cursor=CURSOR)),
        ('{"type":"ping","id":0}', Ping(id=0)),
        ('{"type":"sync_request"}', SyncRequest()),
        (f'{{"type":"sync_request","since":"{NOW}"}}', SyncRequest(since=NOW)),
        ('{"type":"sync_request","since":5}', SyncRequest(since=5)),
        (
            f'{{"type":"sync_request","cursor":"{CURSOR}","limit":10,"tables":["tasks"],'
            '"audiences":["everyone"],"id":9}',
            SyncRequest(cursor=CURSOR, limit=10, tables=["tasks"], audiences=["everyone"], id=9),
        ),
        ('{"type":"hello"}', Hello()),
        (
            f'{{"type":"hello","token":"t","clientId":"c","cursor":"{CURSOR}","tables":[],'
            '"audiences":["a"],"batch":true,"id":"h"}',
            Hello(
                token="t",
                client_id="c",
                cursor=CURSOR,
                tables=[],
                audiences=["a"],
                batch=True,
                id="h",
            ),
        ),
        ('{"type":"hello","cursor":null,"token":null,"clientId":null}', Hello()),
    ],
)
def test_each_message_of_a_client_decodes(text, message):
    assert decode(text) == message


def test_fields_that_the_server_does_not_know_are_ignored():
    assert decode('{"type":"ping","id":1,"colour":{"deep":[1,2]}}') == Ping(id=1)


def test_the_type_may_come_after_the_fields():
    assert decode('{"id":1,"type":"ping"}') == Ping(id=1)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (
            Event(event="task.updated", data=CHANGE, timestamp=NOW, cursor=CURSOR),
            {
                "type": "event",
                "event": "task.updated",
                "data": CHANGE_ON_THE_WIRE,
                "timestamp": NOW,
                "cursor": CURSOR,
            },
        ),
        (
            Event(event="rain", data=None, timestamp=NOW),
            {"type": "event", "event": "rain", "data": None, "timestamp": NOW},
        ),
        (
            SyncResponse(
                changes=[CHANGE],
                sync_timestamp=NOW,
                cursor=CURSOR,
                has_more=True,
                reset=True,
                id="r",
            ),
            {
                "type": "sync_response",
                "changes": [CHANGE_ON_THE_WIRE],
                "syncTimestamp": NOW,
                "cursor": CURSOR,
                "hasMore": True,
                "reset": True,
                "id": "r",
            },
        ),
        (
            SyncResponse(changes=[], sync_timestamp=NOW, has_more=False),
            {"type": "sync_response", "changes": [], "syncTimestamp": NOW, "hasMore": False},
        ),
        (
            Pong(id=0, timestamp=NOW, cursor=CURSOR),
            {"type": "pong", "id": 0, "timestamp": NOW, "cursor": CURSOR},
        ),
        (Pong(timestamp=NOW), {"type": "pong", "timestamp": NOW}),
        (
            Welcome(
                client_id="c",
                epoch="0123abcd",
                audiences=["everyone"],
                heartbeat=25.0,
                limits=Limits(message_bytes=1, page_changes=2, page_bytes=3),
                cursor=CURSOR,
                id="h",
            ),
            {
                "type": "welcome",
                "clientId": "c",
                "epoch": "0123abcd",
                "audiences": ["everyone"],
                "heartbeat": 25.0,
                "limits": {"messageBytes": 1, "pageChanges": 2, "pageBytes": 3},
                "cursor": CURSOR,
                "id": "h",
            },
        ),
        (
            ErrorMessage(code="forbidden", message="No.", retryable=False, id=1),
            {"type": "error", "code": "forbidden", "message": "No.", "retryable": False, "id": 1},
        ),
        (
            Goodbye(code=1001, reason="Restart.", reconnect=True, retry_after_ms=500),
            {
                "type": "goodbye",
                "code": 1001,
                "reason": "Restart.",
                "reconnect": True,
                "retryAfterMs": 500,
            },
        ),
    ],
)
def test_each_message_of_the_server_encodes(message, wire):
    assert json.loads(encode(message)) == wire


def test_a_change_without_a_past_leaves_its_optional_fields_out():
    change = Change(
        table="tasks",
        record_id="7",
        action="delete",
        audience="everyone",
        timestamp=NOW,
        transaction="t",
    )
    assert set(json.loads(encode(change))) == {
        "table",
        "recordId",
        "action",
        "audience",
        "timestamp",
        "transaction",
    }


@pytest.mark.parametrize("value", [0, "0", "", False, []])
def test_a_field_that_is_given_is_sent_however_empty_it_looks(value):
    assert field_of(value) is value


def test_a_field_without_a_value_is_left_out():
    assert field_of(None) is msgspec.UNSET


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", InvalidJson),
        ("nonsense", InvalidJson),
        ("{", InvalidJson),
        ('{"type":"ping"} {"type":"ping"}', InvalidJson),
        ('{"type":"ping","id":"\\ud800"}', InvalidJson),
        ('{"type":"ping","id":"\ud800"}', InvalidJson),
        ('{"type":"ping","id":1e}', InvalidJson),
        ('{"type":"ping","id":NaN}', InvalidJson),
        ("\ufeff" + '{"type":"ping"}', InvalidJson),
        ('{"type":"sync_request","since":' + "[" * 100_000, InvalidJson),
        ('{"a":' * 100_000, InvalidJson),
        ("[" * 100_000, InvalidMessage),
        ("[]", InvalidMessage),
        ('[{"type":"ping"}]', InvalidMessage),
        ("null", InvalidMessage),
        ('"ping"', InvalidMessage),
        ("1", InvalidMessage),
        ("1e400", InvalidMessage),
        ("9" * 5000, InvalidMessage),
        ("{}", InvalidMessage),
        ('{"type":null}', InvalidMessage),
        ('{"type":["ping"]}', InvalidMessage),
        ('{"type":7}', InvalidMessage),
        ('{"type":"nope"}', UnknownType),
        ('{"type":""}', UnknownType),
        ('{"type":"PING"}', UnknownType),
        ('{"type":"welcome"}', UnknownType),
        ('{"type":"ping","id":{}}', InvalidMessage),
        ('{"type":"ping","id":true}', InvalidMessage),
        ('{"type":"ping","id":1.5}', InvalidMessage),
        ('{"type":"ping","id":' + "9" * 400 + "}", InvalidMessage),
        (f'{{"type":"ping","id":"{"x" * 65}"}}', InvalidMessage),
        (f'{{"type":"ping","cursor":"{"x" * 65}"}}', InvalidMessage),
        ('{"type":"ping","cursor":5}', InvalidMessage),
        ('{"type":"sync_request","limit":0}', InvalidMessage),
        ('{"type":"sync_request","limit":-1}', InvalidMessage),
        ('{"type":"sync_request","limit":"10"}', InvalidMessage),
        ('{"type":"sync_request","limit":' + "9" * 5000 + "}", InvalidMessage),
        ('{"type":"sync_request","tables":"tasks"}', InvalidMessage),
        ('{"type":"sync_request","tables":[1]}', InvalidMessage),
        ('{"type":"sync_request","tables":["a\\u0000"]}', InvalidMessage),
        ('{"type":"sync_request","audiences":["a\\u0000"]}', InvalidMessage),
        (json.dumps({"type": "sync_request", "tables": ["t"] * 257}), InvalidMessage),
        (json.dumps({"type": "sync_request", "tables": ["t" * 256]}), InvalidMessage),
        ('{"type":"hello","tables":["a\\u0000"]}', InvalidMessage),
        ('{"type":"hello","batch":1}', InvalidMessage),
        ('{"type":"hello","clientId":{}}', InvalidMessage),
        ('{"type":"hello","token":5}', InvalidMessage),
        (json.dumps({"type": "hello", "token": "t" * 8193}), InvalidMessage),
    ],
)
def test_each_malformed_text_is_the_error_it_should_be(text, error):
    with pytest.raises(RealtimeError) as raised:
        decode(text)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"nope","id":"a1"}',
        '{"id":"a1","type":["ping"]}',
        '{"id":"a1"}',
        '{"type":"sync_request","limit":0,"id":"a1"}',
        '{"type":"hello","batch":"yes","id":"a1"}',
    ],
)
def test_an_error_carries_the_id_of_the_message(text):
    with pytest.raises(RealtimeError) as raised:
        decode(text)
    assert raised.value.request_id == "a1"


@pytest.mark.parametrize("bad_id", ['"' + "x" * 65 + '"', "1.5", "true", "[]", "9" * 40])
def test_an_error_does_not_repeat_an_id_that_is_none(bad_id):
    with pytest.raises(RealtimeError) as raised:
        decode(f'{{"type":"nope","id":{bad_id}}}')
    assert raised.value.request_id is None


def test_an_unknown_type_is_told_which_there_are():
    with pytest.raises(UnknownType, match="ping, sync_request, hello"):
        decode('{"type":"subscribe"}')


def test_an_error_names_the_field_that_is_wrong():
    with pytest.raises(InvalidMessage, match=r"\$\.limit"):
        decode('{"type":"sync_request","limit":0}')


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["ping", "sync_request", "hello", CURSOR, NOW]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["type", "id", "cursor", "since", "limit", "tables", "audiences", "token", "clientId", "batch"]
)
ALMOST_MESSAGES = st.builds(
    lambda kind, fields: json.dumps({"type": kind} | fields),
    st.sampled_from(["ping", "sync_request", "hello", "nope"]) | JSON_VALUES,
    st.dictionaries(FIELDS, JSON_VALUES, max_size=5),
)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@settings(deadline=None, max_examples=500)
@given(text=ANY_TEXT | JSON_VALUES.map(json.dumps) | ALMOST_MESSAGES)
@example(text="\ud800")
@example(text='{"type": "\ud800"}')
def test_no_text_whatsoever_makes_decoding_fail_in_another_way(text):
    try:
        message = decode(text)
    except RealtimeError as error:
        assert error.code in set(ErrorCode) - {ErrorCode.INTERNAL}
        assert str(error)
        ErrorMessage(code=error.code, message=str(error), retryable=False)
    else:
        assert isinstance(message, Ping | SyncRequest | Hello)


@settings(deadline=None, max_examples=200)
@given(text=ANY_TEXT | ALMOST_MESSAGES)
def test_every_error_can_be_sent(text):
    try:
        decode(text)
    except RealtimeError as error:
        wire = encode(
            ErrorMessage(
                code=error.code,
                message=str(error),
                retryable=error.retryable,
                id=field_of(error.request_id),
            )
        )
        assert json.loads(wire)["code"] == error.code
