"""What a fuzzer begins with: the document's examples, each odd value once, and kept finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import vocabulary
from tests.fuzz.conversing import Step, data_of
from tests.support.environment import ROOT

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
"""Inputs that once were of interest, by target; all are replayed with every run of the tests."""
HANDSHAKES = [
    b"\n\n",
    b"\nclient_id=laptop-7\norigin: http://127.0.0.1:8000\nhost: 127.0.0.1:8000",
    b"\nclient_id=%00&client_id=%ff\norigin: null\nsec-websocket-protocol: hub.v1",
    b"\n\norigin: https://evil.example.org\ncookie: sessionid=abc",
    b"\n\norigin: http://127.0.0.1\ncookie: sessionid=" + b"a" * 32,
    b'\n\norigin: http://localhost\ncookie: sessionid="\\000"; sessionid=\xff',
    b"\n\norigin: app://planner\ncookie: sessionid=\\000",
    b"\n\norigin: http://[::1\norigin: file://",
    b"\n\nx-client-id: \xff\x00\nauthorization: Bearer " + vocabulary.TOKEN.encode(),
    b"\n\nauthorization: Bearer hub_nonsense",
    b"\n\nauthorization: Basic YTpi",
    b"nowhere/\n\n",
]


def kept(target: str) -> list[Path]:
    """Return the kept inputs of a target."""
    return sorted(path for path in (CORPUS / target).glob("*") if path.is_file())


def seeds(target: str) -> Iterator[bytes]:
    """Return the inputs to begin with, beside the kept ones."""
    if target == "shaking_hands":
        yield from HANDSHAKES
    elif target == "parsing":
        for text in (*vocabulary.CURSORS, *vocabulary.TIMES, *vocabulary.TEXTS):
            for parser in range(6):
                yield bytes([parser]) + text.encode(errors="surrogatepass")
    else:
        yield from (data_of([text]) for text in (*documented(), *vocabulary.GARBAGE))
    if target in ("receiving", "conversing"):
        yield data_of(documented())
        yield from (data_of([step, *documented(), Step.SAVE, b"\x00\xff"]) for step in Step)


def documented() -> list[str]:
    """Return the document's messages, and each message with each value of each of its fields."""
    found = vocabulary.documented_messages()
    for message in vocabulary.CLIENT_MESSAGES:
        tag = vocabulary.tag(message)
        for name, kind in vocabulary.fields(message).items():
            value = vocabulary.values(kind)[0]
            found.append(f'{{"type":{json.dumps(tag)},{json.dumps(name)}:{value}}}')
    return found
