"""docs/protocol.md is the specification: all that the code says on the wire it names, and nothing
else, and every invariant it states is held by a test."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, get_args

import msgspec
import pytest

from realtime import errors, messages
from realtime.codes import CloseCode
from realtime.errors import ErrorCode, wire_error
from realtime.event_text import events_message
from sync.errors import InvalidCursor, InvalidSince
from tests.support.documents import headings, read, section, table
from tests.support.named_tests import unheld

PROTOCOL = read("docs/protocol.md")
INVARIANT = re.compile(r"^- \*\*N(\d+)\*\*(.+?)(?=^- \*\*N|^#|\Z)", re.MULTILINE | re.DOTALL)

STRUCTURES = {
    found.__name__: found
    for found in vars(messages).values()
    if isinstance(found, type)
    and issubclass(found, msgspec.Struct)
    and not found.__name__.startswith("_")
}
OF_CLIENTS = {found.__struct_config__.tag: found for found in get_args(messages.ClientMessage)}
TAGGED = {
    found.__struct_config__.tag: found
    for found in STRUCTURES.values()
    if found.__struct_config__.tag
}
UNTAGGED = {name: found for name, found in STRUCTURES.items() if found not in TAGGED.values()}
BATCH = json.loads(events_message([]))


@cache
def invariants() -> list[tuple[int, str]]:
    promises = section(PROTOCOL, "The five promises")
    return [(int(number), text) for number, text in INVARIANT.findall(promises)]


def invariant_names() -> list[str]:
    return [f"N{number}" for number, _ in invariants()]


def messages_under(heading: str) -> set[str]:
    return set(re.findall(r"^### `(\w+)`$", section(PROTOCOL, heading), re.MULTILINE))


def documented_fields(heading: str) -> dict[str, bool]:
    """Return the fields of a section's table, and whether each is optional."""
    return {row[0]: row[1] == "optional" for row in table(section(PROTOCOL, heading))}


def fields_of(structure: Any) -> dict[str, bool]:
    return {field.encode_name: not field.required for field in msgspec.structs.fields(structure)}


def retryable_by_code() -> dict[str, bool]:
    known = [*errors.RealtimeError.__subclasses__(), InvalidCursor, InvalidSince, Exception]
    told = [wire_error(error("")) for error in known]
    return {str(code): retryable for code, _, retryable in told}


def test_the_document_has_the_messages_of_clients_and_no_other():
    assert messages_under("Messages of the client") == set(OF_CLIENTS)


def test_the_document_has_the_messages_of_the_hub_and_no_other():
    assert messages_under("Messages of the hub") == {*TAGGED, BATCH["type"]} - set(OF_CLIENTS)


@pytest.mark.parametrize("name", TAGGED)
def test_the_document_has_the_fields_of_each_message(name):
    assert documented_fields(f"`{name}`") == fields_of(TAGGED[name])


@pytest.mark.parametrize("name", UNTAGGED)
def test_the_document_has_the_fields_of_each_part_of_a_message(name):
    assert documented_fields(name) == fields_of(UNTAGGED[name])


def test_the_document_has_the_fields_of_a_batch():
    assert set(documented_fields(f"`{BATCH['type']}`")) == set(BATCH) - {"type"}


def test_the_document_has_every_error_code_and_whether_to_try_again():
    rows = {row[0]: row[1] == "yes" for row in table(section(PROTOCOL, "Errors"))}
    assert set(rows) == set(ErrorCode)
    assert rows == retryable_by_code()


def test_the_document_has_every_close_code_and_whether_to_come_back():
    rows = {int(row[0]): row[1] == "yes" for row in table(section(PROTOCOL, "Close codes"))}
    assert rows == {int(code): code.reconnect for code in CloseCode}


def test_each_promise_has_invariants_and_they_are_numbered_through():
    promises = section(PROTOCOL, "The five promises")
    titles = [title for title in headings(promises) if re.match(r"\d\. ", title)]
    assert len(titles) == 5
    assert all(INVARIANT.search(section(promises, title)) for title in titles)
    assert [number for number, _ in invariants()] == list(range(1, len(invariants()) + 1))


@pytest.mark.parametrize(("number", "text"), invariants(), ids=invariant_names())
def test_each_invariant_names_tests_that_exist(number, text):
    assert unheld(text) == [], f"N{number}"
