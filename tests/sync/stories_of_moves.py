"""A record that moves, what both sides were sent of it, and what that has to be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sync.publishing import publish
from tests.support.state import database_state
from tests.sync.kinds_of_moves import KINDS, LATER, NOW, STILL, WAS
from tests.sync.wire import changes_in, live_frames, page_frames, stored

EVERY_WORD = frozenset({WAS, STILL, NOW, LATER})


class Story:
    """A move from its first to its last write, and the positions that clients can have between."""

    def __init__(self, kind: str, register: Any, *, is_published_between: bool) -> None:
        self.positions = [publish()]
        steps = KINDS[kind](register)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self.moved = end.value
                break
            if is_published_between:
                self.positions.append(publish())
        publish()

    def live(self, *audiences: str) -> list[str]:
        """Return what clients of these audiences were told of the moved table."""
        return [
            frame for frame in live_frames(self.positions[0], audiences) if self.is_about(frame)
        ]

    def pages(self, *audiences: str) -> list[str]:
        """Return the pages from each position, and from none."""
        starts = [None, *self.positions]
        return [frame for start in starts for frame in page_frames(start, audiences)]

    def is_about(self, frame: str) -> bool:
        """Tell whether an event is of the moved table."""
        return changes_in([frame])[0]["table"] == self.moved.table


def hidden(frames: list[str], words: set[str]) -> None:
    """Assert that none of the words is anywhere in the frames."""
    text = "\n".join(frames)
    assert {word: text.count(word) for word in words} == dict.fromkeys(words, 0)


def each_side_gets_its_own(story: Story) -> None:
    """Assert that neither side was sent what only the other may see."""
    moved = story.moved
    before, after = story.live(moved.source), story.live(moved.target)
    hidden(before + story.pages(moved.source), {*EVERY_WORD - moved.seen_before, moved.target})
    hidden(after + story.pages(moved.target), {*EVERY_WORD - moved.seen_after, moved.source})

    left = changes_in(before)[-1]
    assert left["action"] == "delete"
    assert "changed" not in left
    assert ("data" not in left) == (left.get("cause") == "moved")
    came, *others = changes_in(after)
    assert came["action"] == "insert"
    assert "changed" not in came
    assert {change["action"] for change in others} <= {"update"}
    for earlier, change in pairwise([came, *others]):
        different = {
            name for name in change["data"] if change["data"][name] != earlier["data"][name]
        }
        assert set(change["changed"]) == different


def all_end_with_what_they_may_hear(story: Story) -> None:
    """Assert that live clients and those that come back from any position hold what the database
    holds for them."""
    moved = story.moved
    for audiences in ([moved.source], [moved.target], [moved.source, moved.target]):
        rows = database_state(audiences)
        held = {key: row for key, row in rows.items() if key[0] == moved.table}
        assert stored({}, story.live(*audiences)) == held
        for start in story.positions:
            before = stored({}, live_frames(story.positions[0], audiences, upto=start))
            assert stored(before, page_frames(start, audiences)) == rows
