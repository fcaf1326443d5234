"""Who hears an audience: an index, so that an event touches nobody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from realtime.encoding import LiveEvent
from realtime.share import Form

if TYPE_CHECKING:
    from realtime.connection import Connection


class Manner(NamedTuple):
    """How a connection hears its audiences."""

    tables: frozenset[str] | None
    """The tables it hears of; None for all."""
    is_held: bool
    """Whether what it hears waits for a catch-up."""
    form: Form


class Lane:
    """The connections that hear one audience in one manner."""

    __slots__ = ("manner", "members")

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.members: dict[Connection, None] = {}

    def heard(self, events: list[LiveEvent]) -> list[LiveEvent]:
        """Return those of the audience's events that its members hear."""
        tables = self.manner.tables
        return events if tables is None else [one for one in events if one.table in tables]


class Filing(NamedTuple):
    """Where a connection is to be found."""

    audiences: frozenset[str]
    manner: Manner
    client_id: str


_Lanes = dict[Manner, Lane]
_NO_LANES: Final[_Lanes] = {}


class Listeners:
    """The connections of a relay by what they hear.

    Whatever decides it says so by `note`, and the index is brought up to date before it is read: so
    it cannot be stale, and what changes back in between costs nothing. Who hears nothing live for
    now is in none of it.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lanes] = {}
        self._clients: dict[str, set[Connection]] = {}
        self._filed: dict[Connection, Filing] = {}
        self._outdated: dict[Connection, None] = {}

    def note(self, connection: Connection) -> None:
        """Have a connection filed anew, for what it hears may have changed."""
        self._outdated[connection] = None

    def forget(self, connection: Connection) -> None:
        """Have a connection hear nothing more."""
        self._outdated.pop(connection, None)
        self._file(connection, None)

    def lanes(self, audience: str) -> Collection[Lane]:
        """Return the lanes of those who hear an audience; each connection is in one of them."""
        self._file_outdated()
        return self._lanes.get(audience, _NO_LANES).values()

    def of_client(self, client_id: str) -> Collection[Connection]:
        """Return the connections of one client."""
        self._file_outdated()
        return self._clients.get(client_id, ())

    def _file_outdated(self) -> None:
        if self._outdated:
            outdated, self._outdated = self._outdated, {}
            for connection in outdated:
                self._file(connection, connection.filing)

    def _file(self, connection: Connection, filing: Filing | None) -> None:
        former = self._filed.get(connection)
        if former == filing:
            return
        if former is not None:
            self._remove(connection, former, _kept(former, filing))
        if filing is None:
            self._filed.pop(connection, None)
            return
        self._filed[connection] = filing
        self._clients.setdefault(filing.client_id, set()).add(connection)
        for audience in filing.audiences - _kept(filing, former):
            lanes = self._lanes.setdefault(audience, {})
            lane = lanes.get(filing.manner)
            if lane is None:
                lane = lanes[filing.manner] = Lane(filing.manner)
            lane.members[connection] = None

    def _remove(self, connection: Connection, filing: Filing, kept: Iterable[str]) -> None:
        clients = self._clients[filing.client_id]
        clients.discard(connection)
        if not clients:
            del self._clients[filing.client_id]
        for audience in filing.audiences.difference(kept):
            lanes = self._lanes[audience]
            members = lanes[filing.manner].members
            del members[connection]
            if not members:
                del lanes[filing.manner]
            if not lanes:
                del self._lanes[audience]


def _kept(one: Filing, other: Filing | None) -> frozenset[str]:
    """Return the audiences in whose lanes a connection is by both filings."""
    if other is None or one.manner != other.manner:
        return frozenset()
    return one.audiences & other.audiences
