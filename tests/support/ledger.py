"""The log as the database holds it, for comparison with what clients were sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sync.models import SyncLog
from tests.support.replica import Message, position_of

Named = tuple[str, str, str]


def seq_of(cursor: str | None) -> int:
    """Return the number inside a cursor, or 0 where there is none."""
    position = position_of(cursor)
    return 0 if position is None else position[1]


def heard_after(cursor: str | None, audiences: Collection[str] | None = None) -> list[SyncLog]:
    """Return every change that a client of these audiences, or of all, who stayed from this cursor
    on has to hear, in order."""
    entries = SyncLog.objects.published().filter(seq__gt=seq_of(cursor))
    if audiences is not None:
        entries = entries.filter(audience__in=audiences)
    return [entry for entry in entries.order_by("seq") if not entry.is_unchanged]


def everything_heard() -> list[SyncLog]:
    """Return `heard_after` from the beginning, or nothing while there is something to publish."""
    return [] if SyncLog.objects.pending().exists() else heard_after(None)


def missed_since(cursor: str | None, audiences: Collection[str] | None = None) -> list[SyncLog]:
    """Return what a client of these audiences, or of all, who comes back with this cursor has to be
    sent: the newest change of each record, in order."""
    entries = SyncLog.objects.newest().filter(seq__gt=seq_of(cursor))
    if audiences is not None:
        entries = entries.filter(audience__in=audiences)
    # A record that moved between two of the audiences has a newest change in each.
    newest = {(entry.table, entry.record_id): entry for entry in entries.order_by("seq")}
    return sorted(newest.values(), key=lambda entry: entry.seq)


def numbers(entries: Iterable[SyncLog]) -> list[int]:
    """Return the entries' places in the order."""
    return [entry.seq for entry in entries]


def numbers_received(changes: Iterable[Message]) -> list[int]:
    """Return the places in the order of changes that a client received."""
    return [seq_of(change["cursor"]) for change in changes]


def named(changes: Iterable[Message]) -> list[Named]:
    """Return what happened to which record, in order."""
    return [(change["action"], change["table"], change["recordId"]) for change in changes]
