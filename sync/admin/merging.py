"""The steps of a record's history and the messages of the admin's log in one order of time, where
what belongs to one another is one line."""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry

from sync.models import SyncLog
from sync.record_numbers import type_record
from sync.timeline import Step

ONE_REQUEST: Final = datetime.timedelta(seconds=10)
"""How far a message of the admin and the entry of the same change lie apart, at most: Django logs a
deletion before it deletes, and the rest when all of a form is saved."""

AROUND: Final = 20
"""How many steps and messages beyond a page are looked at, so that what lies on its edge is told
with what it belongs to."""

_ACTIONS: Final = {
    ADDITION: SyncLog.Action.INSERT,
    CHANGE: SyncLog.Action.UPDATE,
    DELETION: SyncLog.Action.DELETE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind the steps from `before` on, and behind the messages that stand
    alone from `until` on; those of that very moment have been told down to the id `message`."""

    before: int | None = None
    until: datetime.datetime | None = None
    message: int | None = None

    def is_behind(self, message: LogEntry) -> bool:
        """Tell whether a message that stands alone is on this page or on a later one."""
        if self.until is None or message.action_time < self.until:
            return True
        is_of_the_moment = message.action_time == self.until
        return is_of_the_moment and (self.message is None or message.pk < self.message)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A step with what the admin says of it, or a message that stands alone."""

    moment: datetime.datetime
    step: Step | None
    messages: Sequence[LogEntry] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Lines:
    """One page of lines, and where the next one begins; None where there is none."""

    lines: list[Line]
    next: Place | None


def merged(
    steps: Sequence[Step],
    messages: Sequence[LogEntry],
    own: Collection[type_record],
    limit: int,
    place: Place = Place(),  # noqa: B008  # frozen
    passed: Sequence[SyncLog] = (),
) -> Lines:
    """Return the lines of one page, newest first.

    `steps` are those behind the place, `messages` those up to `ONE_REQUEST` after it, newest first,
    and of both at least `limit + AROUND`, if there are. `own` are the rows that the messages are
    about, `passed` their entries just before the place.
    """
    ours = [one.entry for one in steps if (one.entry.table, one.entry.record_id) in own]
    said, alone = _matched([*passed, *ours], messages)
    told = [Line(one.entry.recorded_at, one, said[one.entry.pk]) for one in steps]
    lines = _in_order(told, [one for one in alone if place.is_behind(one)])
    shown = lines[:limit]
    return Lines(shown, _behind(shown, place) if len(lines) > limit else None)


def _behind(shown: Sequence[Line], place: Place) -> Place:
    seqs = [line.step.entry.seq for line in shown if line.step is not None]
    moments = [line.moment for line in shown] + ([place.until] if place.until else [])
    last = shown[-1]
    is_alone = last.step is None and last.moment == min(moments)
    return Place(
        before=seqs[-1] if seqs else place.before,
        until=min(moments),
        message=last.messages[0].pk if is_alone else None,
    )


def _matched(
    entries: Sequence[SyncLog], messages: Sequence[LogEntry]
) -> tuple[defaultdict[int, list[LogEntry]], list[LogEntry]]:
    """Return the messages of each entry, by its id, and those of none. To which one a message
    belongs depends on nothing but what is near it, so that every page has the same answer."""
    said: defaultdict[int, list[LogEntry]] = defaultdict(list)
    alone = []
    for message in messages:
        fitting = [entry for entry in entries if _is_of_one_request(entry, message)]
        if fitting:
            nearest = min(fitting, key=lambda entry: (_distance(entry, message), entry.pk))
            said[nearest.pk].append(message)
        else:
            alone.append(message)
    return said, alone


def _is_of_one_request(entry: SyncLog, message: LogEntry) -> bool:
    return (
        entry.actor_id == str(message.user_id)
        and entry.action == _ACTIONS.get(message.action_flag)
        and _distance(entry, message) <= ONE_REQUEST
    )


def _distance(entry: SyncLog, message: LogEntry) -> datetime.timedelta:
    return abs(entry.recorded_at - message.action_time)


def _in_order(steps: Sequence[Line], messages: Sequence[LogEntry]) -> list[Line]:
    """Put messages between steps by time; steps keep the order of the log, whatever clocks say."""
    alone = [Line(one.action_time, None, [one]) for one in messages]
    lines: list[Line] = []
    for line in steps:
        while alone and alone[0].moment > line.moment:
            lines.append(alone.pop(0))
        lines.append(line)
    return lines + alone
