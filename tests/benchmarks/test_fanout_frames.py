"""The load client counts what was sent, however its bytes are torn; else every figure is wrong."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fanout_frames import FIN_TEXT, PING, frames_of_at_least, marks, masked

LEAST = 100
MARK = b'"type":"event",'


def frame(payload: bytes, first: int = FIN_TEXT) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def torn(data: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]


def read(counter, pieces):
    """Read piece by piece as the client does: what is not whole is seen again with the next."""
    events, rest, others = 0, b"", []
    for piece in pieces:
        buffer = bytearray(rest + piece)
        found, end = counter(buffer, len(buffer), others)
        events += found
        rest = bytes(buffer[end:])
    return events, others, rest


sizes = st.one_of(st.integers(0, 400), st.sampled_from([99, 100, 125, 126, 65535, 65536, 70000]))


@given(st.lists(sizes, max_size=8), st.lists(st.integers(0), max_size=12))
def test_every_long_frame_counts_once_wherever_it_is_torn(sizes, places):
    data = b"".join(frame(b"x" * size) for size in sizes)
    events, others, rest = read(frames_of_at_least(LEAST), torn(data, places))
    assert events == sum(size >= LEAST for size in sizes)
    assert others == [(FIN_TEXT, b"x" * size) for size in sizes if size < LEAST]
    assert rest == b""


@given(st.lists(st.integers(1, 5), max_size=6), st.lists(st.integers(0), max_size=12))
def test_a_frame_with_several_events_counts_as_many(counts, places):
    event = b'{"type":"event","data":{"type":"other"' + b"x" * LEAST + b"}}"
    data = b"".join(frame(b"[" + b",".join([event] * count) + b"]") for count in counts)
    events, others, rest = read(frames_of_at_least(LEAST, MARK), torn(data, places))
    assert (events, others, rest) == (sum(counts), [], b"")


@given(st.integers(0, 20), st.lists(st.integers(0), max_size=12))
def test_every_mark_in_a_stream_counts_once_wherever_it_is_torn(count, places):
    data = b"\r\n".join([b"f1", *[b"event: message\ndata: {}\n\n"] * count])
    events, others, _ = read(marks(b"event: message"), torn(data, places))
    assert (events, others) == (count, [])


def test_a_long_frame_that_is_no_text_is_handed_over():
    ping = b"p" * 120
    assert read(frames_of_at_least(LEAST), [frame(ping, PING)]) == (0, [(PING, ping)], b"")


def test_bytes_behind_the_first_so_many_are_not_looked_at():
    one = frame(b"x" * LEAST)
    buffer = bytearray(one + one)
    assert frames_of_at_least(LEAST)(buffer, len(one), []) == (1, len(one))


def test_what_a_client_sends_is_masked_with_zeros():
    for size in (5, 200):
        sent = masked(b"y" * size)
        head = 2 if size < 126 else 4
        assert sent[1] & 0x80 and sent[head : head + 4] == bytes(4)
        assert sent[head + 4 :] == b"y" * size
