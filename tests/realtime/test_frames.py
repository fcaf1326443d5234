"""The frame that is written to every socket is the one every reader of RFC 6455 reads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame as ReadFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from realtime.frames import Frame

HEADER_ENDS = {0: 2, 1: 2, 125: 2, 126: 4, 127: 4, 65535: 4, 65536: 10, 200_000: 10}


def read(wire: bytes) -> ReadFrame:
    """Read a frame with a parser of another hand, which must use up every byte."""
    stream = StreamReader()
    stream.feed_data(wire)
    stream.feed_eof()
    parsing = ReadFrame.parse(stream.read_exact, mask=False)
    try:
        next(parsing)
    except StopIteration as done:
        rest = stream.read_to_eof(1)
        with pytest.raises(StopIteration) as end:
            next(rest)
        assert end.value.value == b""
        return done.value
    raise AssertionError("the frame is incomplete")


@pytest.mark.parametrize(("size", "header"), HEADER_ENDS.items())
def test_a_text_of_each_size_is_read_back(size, header):
    text = "x" * size
    wire = Frame(text).wire
    frame = read(wire)
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    assert frame.data == text.encode()
    assert len(wire) == header + size


@pytest.mark.parametrize("size", HEADER_ENDS)
def test_the_bytes_are_those_another_server_would_send(size):
    text = "y" * size
    assert Frame(text).wire == ReadFrame(Opcode.TEXT, text.encode()).serialize(mask=False)


def test_the_length_counts_bytes_and_not_characters():
    assert read(Frame("ü" * 63).wire).data == ("ü" * 63).encode()
    assert read(Frame("😀" * 16384).wire).data == ("😀" * 16384).encode()


@settings(deadline=None)
@given(text=st.text())
def test_any_text_is_read_back(text):
    assert read(Frame(text).wire).data.decode() == text


def test_the_bytes_are_made_once():
    frame = Frame("once")
    assert frame.wire is frame.wire
