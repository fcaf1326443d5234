"""The words of the protocol, taken from its structures and its document: a new message or field is
fuzzed without an edit here."""

from __future__ import annotations

import json
import typing
from typing import Any

import msgspec

from realtime import messages
from tests.support.documents import code_blocks, read

CLIENT_MESSAGES: tuple[type[msgspec.Struct], ...] = typing.get_args(messages.ClientMessage)

EPOCH = "67eaec45"
"""The epoch of the fuzzed hub: that of the document's examples, so that they are of this log."""
TOKEN = "hub_00000000_" + "F" * 43
OTHER_TOKEN = "hub_11111111_" + "F" * 43
"""The token of a device of somebody else."""
CURSOR = "@CURSOR@"
"""Stands in an input for the last cursor that the connection was sent."""

TEXTS = [
    "",
    "a",
    "everyone",
    "team:1",
    "projects",
    "tasks",
    "laptop-7",
    "hub-0123456789abcdef-0123456789abcdef0123456789abcdef",
    TOKEN,
    OTHER_TOKEN,
    "hub_nonsense",
    "a\x00b",
    "\ufeff",
    "\u202eמיר",
    "😀" * 16,
    "e\u0301",
    "%s{0}$\\'\"`;--",
    "../../etc",
]
CURSORS = [
    CURSOR,
    f"{EPOCH}-0-00000000",
    f"{EPOCH}-1-00000000",
    f"{EPOCH}-512-278b4599-700-700",
    f"{EPOCH}-700-278b4599",
    f"{EPOCH}-9-00000000-3-1",
    f"{EPOCH}-1-00000000-999999999999999999-999999999999999999",
    f"{EPOCH}-999999999999999999-ffffffff",
    f"{EPOCH}-9999999999999999999-ffffffff",
    "ffffffff-3-00000000",
    f"{EPOCH.upper()}-1-00000000",
    f"{EPOCH}-01-00000000",
    f"{EPOCH}--1-00000000",
    f"{EPOCH}-١-00000000",
    f"{EPOCH}-1-00000000\n",
    f"{EPOCH}-1-00000000-",
]
TIMES = [
    "2026-01-31T12:00:00.000000Z",
    "2026-01-31T12:00:00",
    "2026-01-31",
    "20260131T120000Z",
    "2026-W05-6",
    "2026-01-31T24:00:00",
    "2026-01-31T12:00:60Z",
    "2026-02-30T00:00:00Z",
    "2026-01-31T12:00:00.1234567891Z",
    "2026-01-31T12:00:00+01:00:30.5",
    "2026-01-31T12:00:00+24:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59.999999-23:59",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "٢٠٢٦-٠١-٣١T١٢:٠٠:٠٠",
    " 2026-01-31T12:00:00Z\t",
    "2026-01-31\x0012:00:00",
    "now",
    "1769860800",
]

DEEP = 100_000
WRONG = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "-0",
    "1.5",
    "1e3",
    "1e400",
    "-1e-400",
    "NaN",
    "Infinity",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551616",
    "9" * 400,
    "9" * 5000,
    "[]",
    "{}",
    "[null]",
    '[""]',
    '{"":{}}',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"\\x"',
    "01",
    "'a'",
    '"\t"',
    "[" * 60 + "]" * 60,
    '{"a":' * 60 + "1" + "}" * 60,
]
"""Values, as they stand in a message, that are of the wrong type for most fields or no JSON."""

GARBAGE = [
    "",
    " ",
    "\x00",
    "\ufeff",
    '\ufeff{"type":"ping"}',
    '{"type":"ping"',
    '{"type":"ping",}',
    '{"type":"ping"}{"type":"ping"}',
    '[{"type":"ping"}]',
    "{'type':'ping'}",
    '{"type":"ping","type":"hello"}',
    '{"type":"ping","id":1,"id":2}',
    '{"type":"ping","id":"\ud800"}',
    '{"\ud800":1,"type":"ping"}',
    '{"type":"ping","":null}',
    '{"type":["ping"]}',
    '{"type":{"type":"ping"}}',
    '{"type":"PING"}',
    '{"type":"ping\x00"}',
    "<message type='ping'/>",
    "GET / HTTP/1.1",
    "ping",
    "[" * DEEP,
    '{"a":' * DEEP,
    "[" * 1000 + "]" * 1000,
    '{"type":"ping","a":' + "[" * DEEP,
    '"' + "\\u00e9" * 10_000 + '"',
    "\t\r" * 30_000,
]


def tag(message: type[msgspec.Struct]) -> str:
    """Return the `type` of a message."""
    return str(msgspec.inspect.type_info(message).tag)  # type: ignore[attr-defined]


def fields(message: type[msgspec.Struct]) -> dict[str, msgspec.inspect.Type]:
    """Return the fields of a message as they are named on the wire, with their types."""
    found: Any = msgspec.inspect.type_info(message)
    return {field.encode_name: field.type for field in found.fields}


def tags_of_server() -> set[str]:
    """Return every `type` that the hub may send."""
    mine = {tag(message) for message in CLIENT_MESSAGES}
    base: Any = messages._Message
    return {tag(message) for message in base.__subclasses__()} - mine | {"events"}


def values(kind: Any) -> list[str]:
    """Return values for a field of this type, as they stand in a message: valid ones, those at and
    just beyond each limit, and words that mean something to the hub."""
    inspect = msgspec.inspect
    if isinstance(kind, inspect.UnionType):
        return [value for one in kind.types for value in values(one)]
    if isinstance(kind, inspect.StrType):
        longest = kind.max_length or 64
        edges = [letter * length for letter in "xü😀" for length in (longest, longest + 1)]
        return [json.dumps(text) for text in (*TEXTS, *CURSORS, *TIMES, *edges)]
    if isinstance(kind, inspect.IntType):
        edges = [edge for edge in (kind.ge, kind.le) if edge is not None]
        near = {int(edge) + step for edge in edges for step in (-1, 0, 1)}
        return [str(number) for number in sorted(near | {0, 1, 7, 500, 501, 2**63, -(2**63)})]
    if isinstance(kind, inspect.ListType):
        return _lists(kind)
    if isinstance(kind, inspect.AnyType):
        return [json.dumps(text) for text in (*TIMES, *TEXTS)] + WRONG
    return ["null", "true", "false"]


def choices(name: str, kind: Any) -> list[str]:
    """Return the values to draw from for a field of this name: mostly the good ones of a token,
    for the first bad one ends the conversation."""
    found = values(kind)
    return found + [json.dumps(TOKEN)] * (8 * len(found)) if name == "token" else found


def _lists(kind: Any) -> list[str]:
    longest = kind.max_length or 16
    items = values(kind.item_type)
    some = [f"[{item}]" for item in items]
    edges = [",".join(['"everyone"'] * length) for length in (longest, longest + 1)]
    return ["[]", f"[{items[0]},{items[-1]}]", *some, *(f"[{edge}]" for edge in edges)]


def documented_messages() -> list[str]:
    """Return what the client says in the examples of the document."""
    text = "\n".join(code_blocks(read("docs/protocol.md"), "text"))
    lines = [line.removeprefix("client").strip() for line in text.splitlines() if "client " in line]
    return [line.replace("hub_3f0c…", TOKEN) for line in lines if line.startswith("{")]


def words() -> list[str]:
    """Return what a fuzzer should try to insert: the keys, tags and values of the protocol."""
    keys = [f'"{name}":' for message in CLIENT_MESSAGES for name in ("type", *fields(message))]
    tags = [f'"{tag(message)}"' for message in CLIENT_MESSAGES]
    short = [word for word in (*CURSORS, *TIMES, *TEXTS, *WRONG) if 0 < len(word) <= 64]
    return list(dict.fromkeys([*keys, *tags, *short]))
