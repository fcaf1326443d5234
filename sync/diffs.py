"""What changed between two texts, word by word, in a time that is bounded whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from sync.matching import Budget, Run, matching_runs

EQUAL: Final = "equal"
INSERT: Final = "insert"
DELETE: Final = "delete"

MAX_WORDS: Final = 100_000
"""Characters of two texts that are taken apart into words; of longer ones lines are compared."""

KINSHIP: Final = 0.2
"""The share of a text that has to stay for its words to be compared: less is another text."""

# A word with its combining marks and joiners; of scripts that are written without spaces a
# character, as is anything that is neither a word nor space.
_UNSPACED: Final = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_MARK: Final = "\u0300-\u036f\u200d\ufe0f"
_TOKEN: Final = re.compile(rf"(?:(?![{_UNSPACED}])[\w{_MARK}])+|\s+|.[{_MARK}]*", re.DOTALL)


class Part(NamedTuple):
    """A stretch of text that both have, or that one of them has alone."""

    kind: str
    text: str


def text_diff(before: str, after: str, budget: Budget | None = None) -> list[Part]:
    """Return the parts of two texts in order, what went before what came in its place.

    The equal and inserted parts make up the new text exactly, the equal and deleted ones the old.
    Words are compared, or lines where that would take too long, or else nothing but the ends. A
    budget bounds several comparisons together.
    """
    budget = budget or Budget()
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head, tail = _same_ends(old, new)
    olds, news = old[head : len(old) - tail], new[head : len(new) - tail]
    went, came = "".join(olds), "".join(news)
    half = budget.half()
    words = _words(went, came, half)
    budget.take_back(half)
    middle = words or _lines(olds, news, budget) or list(_replaced(went, came))
    ends = "".join(old[:head]), "".join(old[len(old) - tail :])
    return list(_joined([Part(EQUAL, ends[0]), *middle, Part(EQUAL, ends[1])]))


def _words(before: str, after: str, budget: Budget) -> list[Part]:
    """Return nothing where it would take too long."""
    if len(before) + len(after) > MAX_WORDS:
        return []
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    head, tail = _same_ends(old, new)
    olds, news = old[head : len(old) - tail], new[head : len(new) - tail]
    runs = matching_runs(olds, news, budget)
    if runs is None and "\n" in before and "\n" in after:
        return []  # lines will do better
    middle = list(_parts(olds, news, runs or []))
    ends = Part(EQUAL, "".join(old[:head])), Part(EQUAL, "".join(old[len(old) - tail :]))
    parts = list(_joined(_without_islands(list(_joined([ends[0], *middle, ends[1]])))))
    return parts if _are_akin(parts) else list(_replaced(before, after))


def _lines(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Part]:
    """Compare lines, and the words of those in each other's place as long as there is time."""
    runs = matching_runs(old, new, budget)
    if runs is None:
        return []
    found: list[Part] = []
    for part in _joined(_parts(old, new, runs)):
        if part.kind == INSERT and found and found[-1].kind == DELETE:
            went = found.pop().text
            found += _words(went, part.text, budget) or _replaced(went, part.text)
        else:
            found.append(part)
    return found


def _parts(old: Sequence[str], new: Sequence[str], runs: Iterable[Run]) -> Iterator[Part]:
    x = y = 0
    for run in (*runs, Run(len(old), len(new), 0)):
        yield from _replaced("".join(old[x : run.old]), "".join(new[y : run.new]))
        x, y = run.old + run.length, run.new + run.length
        yield Part(EQUAL, "".join(old[run.old : x]))


def _replaced(before: str, after: str) -> Iterator[Part]:
    if before:
        yield Part(DELETE, before)
    if after:
        yield Part(INSERT, after)


def _are_akin(parts: Iterable[Part]) -> bool:
    """Tell whether enough stays; few words scattered over another text tell nothing."""
    letters = dict.fromkeys((EQUAL, DELETE, INSERT), 0)
    for kind, text in parts:
        letters[kind] += len(text) - text.count(" ")
    shorter = letters[EQUAL] + min(letters[DELETE], letters[INSERT])
    return letters[EQUAL] >= KINSHIP * shorter


def _without_islands(parts: Sequence[Part]) -> Iterator[Part]:
    """Take spaces between two changes into both: word for word changed is a phrase changed."""
    for index, part in enumerate(parts):
        is_inside = 0 < index < len(parts) - 1
        if is_inside and part.kind == EQUAL and part.text.isspace() and "\n" not in part.text:
            yield Part(DELETE, part.text)
            yield Part(INSERT, part.text)
        else:
            yield part


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Put neighbours of one kind together: between two equal parts is at most one that went, and
    one that came."""
    held = dict.fromkeys((EQUAL, DELETE, INSERT), "")
    for kind, text in parts:
        if not text:
            continue
        done = (DELETE, INSERT) if kind == EQUAL else (EQUAL,)
        yield from _emptied(held, done)
        held[kind] += text
    yield from _emptied(held, (EQUAL, DELETE, INSERT))


def _emptied(held: dict[str, str], kinds: tuple[str, ...]) -> Iterator[Part]:
    for kind in kinds:
        if held[kind]:
            yield Part(kind, held[kind])
            held[kind] = ""


def _same_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many elements are the same at the start, and at the end of what is left."""
    head = _same_at_start(old, new)
    return head, _same_at_start(old[head:][::-1], new[head:][::-1])


def _same_at_start(old: Sequence[str], new: Sequence[str]) -> int:
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
