"""What clients are sent, as the text of the frames: live, and page by page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from realtime.composing import composed
from realtime.encoding import LiveEvent
from sync.cursor import Position
from sync.reading import tail
from tests.support.state import State
from tests.sync.paging import pages

MANY = 100_000


def live_frames(
    start: Position, audiences: Collection[str], *, upto: Position | None = None
) -> list[str]:
    """Return the events that clients of these audiences were sent from a position on."""
    events = [LiveEvent(start.epoch, entry) for entry in tail(start, MANY).entries]
    return [
        event.frame.text
        for event in events
        if event.audience in audiences and (upto is None or event.position.seq <= upto.seq)
    ]


def page_frames(start: Position | None, audiences: Collection[str], **options: Any) -> list[str]:
    """Return the pages that a client of these audiences is sent which comes from a position."""
    return [composed(page).frame().text for page in pages(start, audiences, **options)]


def changes_in(frames: Iterable[str]) -> list[dict[str, Any]]:
    """Return the changes of events and pages, in order."""
    found: list[dict[str, Any]] = []
    for message in map(json.loads, frames):
        found += message["changes"] if message["type"] == "sync_response" else [message["data"]]
    return found


def stored(state: State, frames: Iterable[str]) -> State:
    """Return what a client holds that had this state and applies the frames, by the protocol."""
    state = dict(state)
    for change in changes_in(frames):
        key = change["table"], change["recordId"]
        if change["action"] == "delete":
            state.pop(key, None)
        else:
            state[key] = change["data"]
    return state
