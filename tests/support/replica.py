"""A client's copy of the data, kept by the documented rules, with books on what it was sent."""

from __future__ import annotations

from typing import Any

from tests.support.state import State

Message = dict[str, Any]

TELLS_AUDIENCES = ("welcome", "audiences")


class Replica:
    """A store, the cursor it stands at, every message received, and three counts.

    `repeated` counts changes that came although the cursor lay behind them (which is right only
    where the client asked with `since`), `out_of_order` those that came after a later one,
    `resets` how often the store was started anew. The first two look into the cursor, which only
    a test may.
    """

    def __init__(self, *, cursor: str | None = None, state: State | None = None) -> None:
        self.cursor = cursor
        self.state: State = dict(state or {})
        self.held: set[str] | None = None
        """The audiences that the store holds everything of, once the hub has named any."""
        self._heard: set[str] = set()
        self._gaining: set[str] = set()
        self._is_whole = False
        self._of: dict[tuple[str, str], str] = {}
        self.received: list[Message] = []
        self.resets = 0
        self.repeated = 0
        self.out_of_order = 0
        self.caught_up = False
        self._fresh: State | None = None
        self._last: tuple[str, int] | None = None

    def begin_connection(self) -> None:
        """Forget what belonged to the former connection; a half-filled fresh store is one such, and
        with it the cursor of its pages, and so is what came of audiences that are not held."""
        self.caught_up = False
        if self.held is not None:
            self._remove_all_of(set(self._of.values()) - self.held)
        self._gaining = set()
        if self._fresh is not None:
            self.cursor = None
        self._fresh = None
        self._last = None

    def take(self, message: Message) -> None:
        """Obey one message of the hub."""
        self.received.append(message)
        self._take_rights(message)
        if message["type"] == "sync_response":
            self._take_page(message)
        elif is_change_event(message):
            self._apply(message["data"])
        # Whatever the message: a cursor is only ever sent to a client that may store it.
        if message.get("cursor"):
            self.cursor = message["cursor"]

    @property
    def audiences(self) -> set[str] | None:
        """What the client was last told that it hears; None for one that never said `hello`."""
        told = [message for message in self.received if message["type"] in TELLS_AUDIENCES]
        return set(told[-1]["audiences"]) if told else None

    def changes(self) -> list[Message]:
        """Return every change received, in order, from pages and events alike."""
        found: list[Message] = []
        for message in self.received:
            if message["type"] == "sync_response":
                found += message["changes"]
            elif is_change_event(message):
                found.append(message["data"])
        return found

    def _take_rights(self, message: Message) -> None:
        if message["type"] not in {"welcome", "audiences"}:
            return
        self._heard = set(message["audiences"])
        lost = set(message.get("lost", ()))
        self._gaining = (self._gaining - lost) | set(message.get("gained", ()))
        if self.held is not None:
            self.held -= lost
        self._remove_all_of(lost)

    def _remove_all_of(self, audiences: set[str]) -> None:
        for store in (self.state, self._fresh or {}):
            for key in [key for key in store if self._of.get(key) in audiences]:
                del store[key]

    def _take_page(self, page: Message) -> None:
        if page.get("reset"):
            self.resets += 1
            self._gaining = set()
            self._fresh = {}
            self._last = None
            self.cursor = None
        for change in page["changes"]:
            self._apply(change)
        if page["hasMore"]:
            return
        if "audiences" in page:
            if self.held is not None:
                self.held |= set(page["audiences"])
            self._gaining -= set(page["audiences"])
            return
        if "cursor" not in page and self._fresh is None:
            return  # what was missed while a snapshot is not complete, which this does not complete
        if self._heard and (not self._is_whole or self._fresh is not None):
            self.held = self._heard - self._gaining
        self._is_whole = True
        self.caught_up = True
        if self._fresh is not None:
            self.state, self._fresh = self._fresh, None

    def _apply(self, change: Message) -> None:
        self._count(change)
        store = self.state if self._fresh is None else self._fresh
        key = change["table"], change["recordId"]
        if change["action"] == "delete":
            store.pop(key, None)
        else:
            store[key] = change["data"]
            self._of[key] = change.get("audience", "")

    def _count(self, change: Message) -> None:
        position = position_of(change.get("cursor"))
        if position is None:
            return
        self.repeated += is_at_or_before(position, position_of(self.cursor))
        self.out_of_order += is_at_or_before(position, self._last)
        self._last = position


def is_change_event(message: Message) -> bool:
    """Say whether the message is an event about a record, and not a broadcast."""
    data = message.get("data")
    named = isinstance(data, dict) and {"table", "recordId", "action"} <= data.keys()
    return message["type"] == "event" and named


def position_of(cursor: str | None) -> tuple[str, int] | None:
    """Return the epoch and the number inside a cursor, which is opaque to any other client."""
    if not cursor:
        return None
    epoch, seq, *_ = cursor.split("-")
    return epoch, int(seq)


def is_at_or_before(position: tuple[str, int], other: tuple[str, int] | None) -> bool:
    """Compare two positions; those of different epochs have no order."""
    return other is not None and position[0] == other[0] and position[1] <= other[1]
