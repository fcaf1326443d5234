"""Changes to an input that a blind fuzzer would hardly find: whole messages, fields, and steps."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz import vocabulary
from tests.fuzz.conversing import Step

BLIND = 0.4
"""The share of changes that is left to the fuzzer itself."""
ODD = 0.15
"""The share of fields that get a value of any type at all."""

_FIELDS = {
    vocabulary.tag(message): {
        name: vocabulary.choices(name, kind) for name, kind in vocabulary.fields(message).items()
    }
    for message in vocabulary.CLIENT_MESSAGES
}


class Mutator:
    """Changes an input as libFuzzer asks for it: the same seed, the same change."""

    def __init__(self, blindly: Callable[[bytes, int], bytes]) -> None:
        self._blindly = blindly

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < BLIND:
            return self._blindly(data, max_size)
        lines = data.split(b"\n")
        change = rng.choice([insert, replace, repeat, remove, swap, alter])
        change(lines, rng.randrange(len(lines)), rng)
        changed = b"\n".join(lines)
        return changed if len(changed) <= max_size else self._blindly(data, max_size)


def message(rng: random.Random) -> str:
    """Return a message with some of its fields, some of them odd, in any order."""
    tag = rng.choice(list(_FIELDS))
    parts = [f'"type":{json.dumps(tag)}']
    parts += [_field(tag, name, rng) for name in _FIELDS[tag] if rng.random() < 0.4]
    if rng.random() < 0.1:
        parts.append(_field(tag, rng.choice(list(_FIELDS[tag])), rng))
    rng.shuffle(parts)
    return "{" + ",".join(parts) + "}"


def insert(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Add a message, a step or garbage."""
    lines.insert(at, _line(rng))


def replace(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Put another message, step or garbage in a line's place."""
    lines[at] = _line(rng)


def repeat(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Say the same many times, for some limits count."""
    lines[at:at] = [lines[at]] * rng.choice([1, 2, 16, 17, 40])


def remove(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Leave a line out."""
    if len(lines) > 1:
        del lines[at]


def swap(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Change the order."""
    other = rng.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def alter(lines: list[bytes], at: int, rng: random.Random) -> None:
    """Give a message another value in one of its fields, or one field more."""
    try:
        found: Any = json.loads(lines[at])
    except (ValueError, RecursionError):
        return insert(lines, at, rng)
    if not isinstance(found, dict) or found.get("type") not in list(_FIELDS):
        return insert(lines, at, rng)
    field = _field(found["type"], rng.choice(list(_FIELDS[found["type"]])), rng)
    kept = json.dumps(found).removesuffix("}")
    lines[at] = _encoded(f"{kept},{field}}}")


def _line(rng: random.Random) -> bytes:
    if rng.random() < 0.7:
        return _encoded(message(rng))
    if rng.random() < 0.5:
        return rng.choice(list(Step)).encode()
    return _encoded(rng.choice(vocabulary.GARBAGE))


def _field(tag: str, name: str, rng: random.Random) -> str:
    values = vocabulary.WRONG if rng.random() < ODD else _FIELDS[tag][name]
    return f"{json.dumps(name)}:{rng.choice(values)}"


def _encoded(text: str) -> bytes:
    return text.replace("\n", " ").encode(errors="surrogatepass")
