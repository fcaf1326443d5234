"""What hypothesis draws: valid, nearly valid and odd messages, and what happens between them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.fuzz import vocabulary
from tests.fuzz.conversing import Frame, Step

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def fields_of(message: type[msgspec.Struct]) -> st.SearchStrategy[list[str]]:
    """Draw some fields of a message, most of them valid, perhaps one of them twice."""
    drawn = [
        st.tuples(st.just(json.dumps(name)), _values(name, kind)).map(":".join)
        for name, kind in vocabulary.fields(message).items()
    ]
    return st.lists(st.one_of(drawn), max_size=len(drawn))


def messages_of(message: type[msgspec.Struct]) -> st.SearchStrategy[str]:
    """Draw a message of this type with its fields in any order."""
    tag = f'"type":{json.dumps(vocabulary.tag(message))}'
    fields = fields_of(message).flatmap(lambda found: st.permutations([tag, *found]))
    return fields.map(lambda parts: "{" + ",".join(parts) + "}")


def _values(name: str, kind: Any) -> st.SearchStrategy[str]:
    valid = st.sampled_from(vocabulary.choices(name, kind))
    return valid | valid | st.sampled_from(vocabulary.WRONG) | JSON_VALUES.map(json.dumps)


def _cut(text: str, at: int) -> str:
    return text[:at] if at % 2 else text[:at] + text[at + 1 :]


MESSAGES = st.one_of(*map(messages_of, vocabulary.CLIENT_MESSAGES))
NEARLY = st.builds(_cut, MESSAGES, st.integers(0, 200))
GARBAGE = st.sampled_from(vocabulary.GARBAGE) | ANY_TEXT | JSON_VALUES.map(json.dumps)
TOO_LONG = st.builds(
    lambda letter, size: f'{{"type":"ping","x":"{letter * size}"}}',
    st.sampled_from("xü😀"),
    st.sampled_from([16_000, 32_000, 65_510, 65_511, 65_512, 65_513, 65_514, 65_515, 70_000]),
)
FRAMES: st.SearchStrategy[Frame] = (
    MESSAGES | MESSAGES | MESSAGES | NEARLY | GARBAGE | TOO_LONG | st.binary(max_size=64)
)
STEPS: st.SearchStrategy[list[Step | Frame]] = st.lists(
    FRAMES | FRAMES | st.sampled_from(Step), max_size=25
)
