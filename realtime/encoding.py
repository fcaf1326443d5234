"""Entries of the log as messages: composed once, from the text the log stores."""

from __future__ import annotations

import functools
from datetime import datetime

from django.utils import timezone

from realtime.event_text import EventText
from realtime.frames import Frame
from sync import codec
from sync.cursor import Position
from sync.models import SyncLog


class LiveEvent:
    """One new entry on its way to live clients, each form of it encoded at most once."""

    def __init__(self, epoch: str, entry: SyncLog) -> None:
        self.entry = entry
        self.position = Position.of_entry(epoch, entry)
        self.audience = entry.audience
        self.table = entry.table

    @functools.cached_property
    def frame(self) -> Frame:
        """The event for a client that holds everything before it."""
        return Frame(self._text.message(self.position.cursor))

    @functools.cached_property
    def frame_without_cursor(self) -> Frame:
        """The event for a client that has not caught up: storing its cursor would lose what
        lies before."""
        return Frame(self._text.message(None))

    @functools.cached_property
    def _text(self) -> EventText:
        return EventText(self.entry)


def timestamp(moment: datetime | None) -> str:
    """Return a point in time in the one form of the wire: UTC with microseconds."""
    return str(codec.encode_value(moment or timezone.now()))
