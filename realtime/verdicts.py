"""Why a client did, or did not, get a change: one verdict, from what is known and nothing else."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable
from typing import Protocol


class Holding(enum.StrEnum):
    """How a user stands to the audience of a change, as far as the hub has seen."""

    HELD = "held"
    """Held it at the change, and ever since."""
    GAINED = "gained"
    """Gained it after the change, and was then sent everything of the audience."""
    TAKEN = "taken"
    """Lost it after the change, and had then to forget everything of the audience."""
    LOST = "lost"
    """Had lost it before the change."""
    UNNOTICED = "unnoticed"
    """The host gives it by now, but the hub has not looked since."""
    NEVER = "never"


class Outcome(enum.StrEnum):
    """What became of a change on its way to a client."""

    WAITING = "waiting"
    UNCHANGED = "unchanged"
    NEVER_HELD = "never_held"
    LOST = "lost"
    TAKEN = "taken"
    UNNOTICED = "unnoticed"
    OUT_OF_SCOPE = "out_of_scope"
    TABLE_LEFT_OUT = "table_left_out"
    AUDIENCE_LEFT_OUT = "audience_left_out"
    ACKNOWLEDGED = "acknowledged"
    SENT_LIVE = "sent_live"
    SENT_IN_PAGES = "sent_in_pages"
    SENT_WITH_AUDIENCE = "sent_with_audience"
    NOT_READING = "not_reading"
    NOT_ASKED = "not_asked"
    ON_ITS_WAY = "on_its_way"
    BARRED = "barred"
    NEVER_CONNECTED = "never_connected"
    AWAY = "away"


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one change and one client. Positions are numbers of the present log."""

    seq: int | None
    """The change's place; None until it is published."""
    is_event: bool = True
    """Whether the save changed a synced field."""
    holding: Holding = Holding.HELD
    turned: int | None = None
    """Where the log ended when the audience was gained or lost; None where it never was."""
    in_scope: bool = True
    """Whether the client's credential is good for the audience."""
    hears_table: bool = True
    hears_audience: bool = True
    """Whether the client, when it last connected, wanted the table, and the audience."""
    may_connect: bool = True
    is_connected: bool = False
    is_reading: bool = True
    joined: int | None = None
    """Where the log ended when the client connected last; None where it is not known to have."""
    handed: int | None = None
    """Up to where what came after `joined` was handed to it."""
    sent: int | None = None
    """Up to where everything has been sent to it, live or in pages."""
    acknowledged: int | None = None
    """Up to where it said to have stored everything."""

    @property
    def was_live(self) -> bool:
        """Whether the client was served what came while it was connected, this change included."""
        return (
            self.seq is not None
            and self.joined is not None
            and self.handed is not None
            and self.joined < self.seq <= self.handed
        )


def verdict(facts: Facts) -> Outcome:
    """Return what became of a change: first whether it is to be heard at all, then how far it has
    come. The same facts give the same verdict."""
    if facts.seq is None:
        return Outcome.WAITING
    return _not_to_be_heard(facts) or _come(facts, facts.seq) or _not_yet(facts, facts.seq)


_REFUSED = {
    Holding.NEVER: Outcome.NEVER_HELD,
    Holding.UNNOTICED: Outcome.UNNOTICED,
    Holding.LOST: Outcome.LOST,
    Holding.TAKEN: Outcome.TAKEN,
}


def _not_to_be_heard(facts: Facts) -> Outcome | None:
    if not facts.is_event:
        return Outcome.UNCHANGED
    if facts.holding in _REFUSED:
        return _REFUSED[facts.holding]
    if not facts.in_scope:
        return Outcome.OUT_OF_SCOPE
    if not facts.hears_table:
        return Outcome.TABLE_LEFT_OUT
    if not facts.hears_audience:
        return Outcome.AUDIENCE_LEFT_OUT
    return None


def _come(facts: Facts, seq: int) -> Outcome | None:
    """Tell how it has come to the client. What was gained later does not come at its place in the
    log: everything of the audience is sent before anything that follows the gain."""
    if facts.holding == Holding.GAINED:
        return _come_with_audience(facts, facts.turned or 0)
    if facts.acknowledged is not None and facts.acknowledged >= seq:
        return Outcome.ACKNOWLEDGED
    if facts.was_live:
        return Outcome.SENT_LIVE
    if facts.sent is not None and facts.sent >= seq:
        return Outcome.SENT_IN_PAGES
    return None


def _come_with_audience(facts: Facts, gained: int) -> Outcome | None:
    if facts.acknowledged is not None and facts.acknowledged > gained:
        return Outcome.ACKNOWLEDGED
    if facts.sent is not None and facts.sent > gained:
        return Outcome.SENT_WITH_AUDIENCE
    return None


def _not_yet(facts: Facts, seq: int) -> Outcome:
    if facts.is_connected:
        return _while_connected(facts, seq)
    if not facts.may_connect:
        return Outcome.BARRED
    has_come = facts.joined is not None or facts.acknowledged is not None
    return Outcome.AWAY if has_come else Outcome.NEVER_CONNECTED


def _while_connected(facts: Facts, seq: int) -> Outcome:
    if not facts.is_reading:
        return Outcome.NOT_READING
    is_before = facts.joined is not None and seq <= facts.joined
    if is_before and facts.holding == Holding.HELD:
        return Outcome.NOT_ASKED
    return Outcome.ON_ITS_WAY


class Interval(Protocol):
    """From where to where in the log an audience was held; None for from ever, and to now."""

    @property
    def gained_seq(self) -> int | None: ...
    @property
    def lost_seq(self) -> int | None: ...


def holding(
    intervals: Iterable[Interval], seq: int, *, is_given: bool, is_new: bool
) -> tuple[Holding, int | None]:
    """Return how a user stands to an audience at a change, and where in the log that turned last.

    `intervals` are those of the audience, `is_given` is what the host says now. What it gives to a
    user who is new to the hub will count as held ever since.
    """
    known = list(intervals)
    open_ones = [one.gained_seq for one in known if one.lost_seq is None]
    if open_ones:
        gained = None if None in open_ones else min(seq for seq in open_ones if seq is not None)
        if gained is None or gained < seq:
            return Holding.HELD, gained
        return Holding.GAINED, gained
    if known:
        lost = max(one.lost_seq for one in known if one.lost_seq is not None)
        return (Holding.TAKEN if seq <= lost else Holding.LOST), lost
    if not is_given:
        return Holding.NEVER, None
    return (Holding.HELD if is_new else Holding.UNNOTICED), None
