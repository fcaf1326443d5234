"""Pages as messages: composed from stored texts, and saying what the typed messages say."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.composing import composed
from realtime.encoding import LiveEvent, timestamp
from realtime.messages import SyncResponse, encode
from sync import codec
from sync.cursor import Position
from sync.reading import Page
from tests.realtime.doubles import EPOCH, NOON, entry, position, rows_of
from tests.realtime.typed import change

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


def page(*entries, has_more=False, reset=False):
    return Page(rows_of(entries), position(9), has_more, reset)


def message(found, request_id=None, **options):
    return json.loads(composed(found, **options).answer(request_id).text)


def test_a_page_holds_its_changes_and_where_to_go_on():
    assert message(page(entry(7)), "r1") == {
        "type": "sync_response",
        "changes": [CHANGE],
        "syncTimestamp": "2026-01-31T12:00:00.000000Z",
        "cursor": position(9).cursor,
        "hasMore": False,
        "id": "r1",
    }


def test_a_page_without_an_id_that_starts_anew_and_goes_on():
    found = message(page(has_more=True, reset=True))
    assert (found["changes"], found["hasMore"], found["reset"]) == ([], True, True)
    assert "id" not in found


def test_a_page_may_be_told_to_hold_no_cursor_anywhere():
    found = message(page(entry(7)), with_cursor=False)
    assert "cursor" not in found
    assert "cursor" not in found["changes"][0]


def test_a_page_of_changes_and_the_events_of_the_same_changes_say_the_same():
    entries = [entry(3, client_id="laptop"), entry(4, action="delete", data="", cause="moved")]
    events = [json.loads(LiveEvent(EPOCH, one).frame.text)["data"] for one in entries]
    assert message(page(*entries))["changes"] == events


@pytest.mark.parametrize(
    "fields", [{"cause": "arrived"}, {"changed": None}, {"changed": None, "cause": "redacted"}]
)
def test_a_record_that_its_audience_did_not_have_is_an_insert_without_a_word_of_before(fields):
    [found] = message(page(entry(7, **fields)))["changes"]
    assert found["action"] == "insert"
    assert found.get("cause") == fields.get("cause")
    assert "changed" not in found


def test_the_sync_timestamp_is_that_of_the_position_and_not_of_the_clock():
    at = Position(EPOCH, 1, published_at=NOON)
    assert message(Page(rows_of([]), at, False))["syncTimestamp"] == timestamp(NOON)


def test_a_page_for_many_is_one_frame_for_each_form_of_it():
    found = composed(page(entry(7)))
    assert found.frame() is found.frame()
    assert json.loads(found.frame().text) == message(page(entry(7)))
    alone = json.loads(found.frame({"b", "a"}).text)
    assert alone == json.loads(found.frame().text) | {"audiences": ["a", "b"]}


# What PostgreSQL stores: no NUL, and no lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
awkward = st.sampled_from(['"', "\\", '\\"', "\n\r\t\b\f\x01\x1f\x7f", "\u2028é😀", '"changes":['])
free = texts | awkward
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | free,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(free, inner, max_size=3),
    max_leaves=5,
)
entries = st.builds(
    entry,
    st.integers(1, 10**18 - 1),
    table=free,
    record_id=free,
    action=st.sampled_from(["insert", "update", "delete"]),
    data=st.just("") | st.dictionaries(free, json_values, max_size=3).map(codec.to_json),
    changed=st.none() | st.lists(free, max_size=3).map(codec.to_json),
    audience=free,
    cause=st.sampled_from(["", "moved", "arrived", "redacted"]) | free,
    client_id=free,
    transaction=st.uuids(),
    published_at=st.datetimes(timezones=st.just(NOON.tzinfo)),
)


@given(
    st.lists(entries, max_size=4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(-(2**53), 2**53) | free,
)
def test_a_page_says_just_what_the_typed_message_says(found, has_more, reset, with_cursor, id):
    typed = SyncResponse(
        changes=[
            change(one, Position.of_entry(EPOCH, one).cursor if with_cursor else None)
            for one in found
        ],
        sync_timestamp=timestamp(position(9).published_at),
        has_more=has_more,
        **({"cursor": position(9).cursor} if with_cursor else {}),
        **({"reset": True} if reset else {}),
        **({} if id is None else {"id": id}),
    )
    text = composed(page(*found, has_more=has_more, reset=reset), with_cursor=with_cursor)
    assert json.loads(text.answer(id).text) == json.loads(encode(typed))
