"""Parts of a compared text, cut to what a page has room for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final

from sync.conf import conf
from sync.diffs import DELETE, EQUAL, INSERT, Part

CONTEXT: Final = 160
"""Characters of unchanged text that stay in sight on each side of a change."""

LONGEST_WORD: Final = 50

_SPACE: Final = re.compile(r"\s")


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that is equal on both sides, or is on this side alone."""

    kind: str
    text: str
    is_folded: bool = False
    """Whether it is unchanged and far from any change."""
    cut: int = 0
    """Characters behind it that are not shown, for the page would get too large."""

    @property
    def is_deleted(self) -> bool:
        return self.kind == DELETE

    @property
    def is_inserted(self) -> bool:
        return self.kind == INSERT


def whole(text: str, room: int | None = None) -> Sequence[Piece]:
    """Return a text that is compared with nothing, cut to `room` characters or `TEXT_LENGTH`."""
    return [_cut(Piece(EQUAL, text), room)]


def pieces_of_one_side(parts: Iterable[Part], kind: str) -> Sequence[Piece]:
    """Return the parts that both texts have and those of one of them; long unchanged stretches are
    folded, so that the changes in a long text are seen."""
    own = [part for part in parts if part.kind in (EQUAL, kind)]
    if len(own) == 1:
        return whole(own[0].text) if own[0].kind == EQUAL else [_cut(Piece(*own[0]))]
    found: list[Piece] = []
    for index, part in enumerate(own):
        if part.kind == EQUAL:
            found += _folded(part.text, is_first=index == 0, is_last=index == len(own) - 1)
        else:
            found.append(_cut(Piece(part.kind, part.text)))
    return found


def _folded(text: str, *, is_first: bool, is_last: bool) -> list[Piece]:
    start = 0 if is_first else _behind_a_word(text, CONTEXT)
    end = len(text) if is_last else _behind_a_word(text, len(text) - CONTEXT)
    if end - start <= CONTEXT:
        return [Piece(EQUAL, text)]
    middle = _cut(Piece(EQUAL, text[start:end], is_folded=True))
    pieces = Piece(EQUAL, text[:start]), middle, Piece(EQUAL, text[end:])
    return [piece for piece in pieces if piece.text]


def _behind_a_word(text: str, place: int) -> int:
    """Return the place behind the next space, where there is one near."""
    space = _SPACE.search(text, place, place + LONGEST_WORD)
    return place if space is None else space.end()


def _cut(piece: Piece, room: int | None = None) -> Piece:
    room = conf().TEXT_LENGTH if room is None else room
    if len(piece.text) <= room:
        return piece
    return dataclasses.replace(piece, text=piece.text[:room], cut=len(piece.text) - room)
