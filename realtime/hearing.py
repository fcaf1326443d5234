"""What one connection hears of what is new, and in which form."""

from __future__ import annotations

import dataclasses
from typing import Any

from realtime.encoding import LiveEvent
from realtime.grants import Grant
from realtime.noted import Noted
from realtime.share import Form
from realtime.watching import HISTORY

Names = frozenset[str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Who is connected and what they may hear."""

    user: Any
    client_id: str
    audiences: frozenset[str]
    grant: Grant


class Hearing:
    """What a client may hear, and has asked to. Each change of it is noted, whoever makes it."""

    __slots__ = (
        "_audiences",
        "_batch",
        "_caught_up",
        "_gaining",
        "_identity",
        "_is_outdated",
        "_tables",
        "asked",
    )

    identity = Noted[Identity | None](None)
    tables = Noted[Names](None)
    audiences = Noted(frozenset[str]())
    """What it hears now."""
    gaining = Noted(frozenset[str]())
    """What it may hear as well, once what lies before has been sent."""
    is_outdated = Noted(False)
    """Whether the client is to replace all that it holds, for its rights have changed."""
    batch = Noted(False)
    caught_up = Noted(False)
    """Whether the client holds everything up to `position`, so that it may be given cursors: a
    stored cursor promises that nothing before it is missing."""

    def __init__(self) -> None:
        self.asked: Names = None
        """The audiences that the client chose to hear of those it may."""

    @property
    def gives_cursors(self) -> bool:
        """Whether what the client is sent may have cursors."""
        return self.caught_up and not self.is_due

    @property
    def is_due(self) -> bool:
        """Whether the client has yet to be sent what follows from a change of its rights. A cursor
        from after that change would say that it was."""
        return self.is_outdated or bool(self.gaining)

    @property
    def form(self) -> Form:
        """How the client is told of changes."""
        return Form(self.batch, self.gives_cursors)

    @property
    def permitted(self) -> frozenset[str]:
        """What the client may hear and has not left out."""
        return self.audiences | self.gaining

    def hears(self, event: LiveEvent) -> bool:
        """Tell whether an event is this connection's."""
        return event.audience in self.audiences and (
            self.tables is None or event.table in self.tables
        )

    def watch(self) -> None:
        """Hear that the history has moved, and nothing else: no record of whatever audience."""
        self.tables = frozenset()
        self.asked = frozenset([HISTORY])

    def note(self) -> None:
        """Go by what is heard now; called where that may have changed."""
