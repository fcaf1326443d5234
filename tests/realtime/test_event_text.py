"""Events as text: byte for byte what the messages of the protocol encode to."""

from __future__ import annotations

import datetime
import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.encoding import timestamp
from realtime.event_text import EventText, events_message
from realtime.messages import Change, Event, encode
from sync.codec import to_json
from tests.realtime.doubles import entry, position

ANYTHING = st.text(st.characters(exclude_categories=["Cs"]))
AWKWARD = '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028</script>Zoë 𝒳'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANYTHING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANYTHING, inner, max_size=3),
    max_leaves=10,
)
ENTRIES = st.fixed_dictionaries(
    {
        "table": ANYTHING,
        "record_id": ANYTHING,
        "action": st.sampled_from(["insert", "update", "delete"]),
        "data": st.just("") | st.dictionaries(ANYTHING, JSON, max_size=3).map(to_json),
        "changed": st.none() | st.lists(ANYTHING, max_size=3).map(to_json),
        "audience": ANYTHING,
        "event": ANYTHING,
        "cause": st.sampled_from(["", "moved", "arrived", "redacted"]) | ANYTHING,
        "client_id": ANYTHING,
        "transaction": st.uuids(),
        "published_at": st.datetimes(timezones=st.just(datetime.UTC)),
    }
)


def specified(one, cursor):
    """The message as its types say it."""
    absent = msgspec.UNSET
    is_new = one.is_new_to_audience
    return Event(
        event=f"{one.table}.created" if is_new else one.event,
        data=Change(
            table=one.table,
            record_id=one.record_id,
            action="insert" if is_new else one.action,
            data=msgspec.Raw(one.data.encode()) if one.data else absent,
            changed=absent if is_new or not one.changed else msgspec.Raw(one.changed.encode()),
            audience=one.audience,
            timestamp=timestamp(one.published_at),
            cursor=cursor or absent,
            transaction=str(one.transaction),
            origin=one.client_id or absent,
            cause=one.cause or absent,
        ),
        timestamp=timestamp(one.published_at),
        cursor=cursor or absent,
    )


@pytest.mark.parametrize("cursor", [None, position(7).cursor])
@given(fields=ENTRIES)
def test_an_event_is_what_its_types_encode_to_whatever_it_holds(cursor, fields):
    one = entry(7, **fields)
    assert EventText(one).message(cursor) == encode(specified(one, cursor))


def test_every_name_is_quoted():
    fields = dict.fromkeys(("table", "record_id", "audience", "event", "client_id"), AWKWARD)
    one = entry(7, cause=AWKWARD[:16], transaction=uuid.UUID(int=2**128 - 1), **fields)
    told = msgspec.json.decode(EventText(one).message(AWKWARD))
    assert told["event"] == told["data"]["table"] == told["data"]["recordId"] == AWKWARD
    assert told["cursor"] == told["data"]["origin"] == told["data"]["audience"] == AWKWARD


@given(texts=st.lists(JSON.map(to_json), min_size=1, max_size=4))
def test_several_events_are_a_list_of_their_texts(texts):
    told = msgspec.json.decode(events_message(texts))
    assert told == {"type": "events", "events": [msgspec.json.decode(text) for text in texts]}
