"""How far each client came, kept when its connection has ended."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, router
from django.utils import timezone

from realtime.client_ids import is_generated
from realtime.conf import conf
from realtime.seen import Seen
from sync.cursor import Position

if TYPE_CHECKING:
    from realtime.models import Client, Presence

CHUNK: Final = 1000
"""Rows read, written or removed by one statement."""

MOST_WAITING: Final = 10_000
"""Departures that wait for a database that cannot be written; beyond it the oldest are lost."""


@dataclasses.dataclass(frozen=True, slots=True)
class Departure:
    """A connection that has ended, and the cursor that its relay had come to."""

    seen: Seen
    reached: str
    at: datetime.datetime

    @property
    def handed(self) -> str:
        """The cursor up to which the connection was served."""
        return self.seen.stopped or self.reached

    @classmethod
    def of_row(cls, row: Presence) -> Departure:
        """Return the departure of a connection whose process has died."""
        names = (field.name for field in dataclasses.fields(Seen))
        return cls(Seen(**{name: getattr(row, name) for name in names}), row.reached, row.seen_at)


class Departures:
    """Who has left a relay and is not stored yet. Used on the relay's event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Departure] = deque(maxlen=MOST_WAITING)

    def note(self, seen: Seen | None, position: Position | None) -> None:
        """Keep that a connection, of a user, has ended with its relay at a position."""
        if seen is not None and position is not None:
            self._waiting.append(Departure(seen, position.cursor, timezone.now()))

    def waiting(self) -> list[Departure]:
        """Return those that are not stored yet, oldest first."""
        return list(self._waiting)

    def stored(self, departures: Iterable[Departure]) -> None:
        """Forget those that have been stored."""
        done = {id(one) for one in departures}
        self._waiting = deque(
            (one for one in self._waiting if id(one) not in done), maxlen=MOST_WAITING
        )


def store(departures: Sequence[Departure]) -> None:
    """Keep how far clients came; what another connection of the same client did later stays.

    A client id that the hub generated has a row from here on. One whose row was removed meanwhile
    is anybody's, and stays so.
    """
    newest = {one.seen.client_id: one for one in sorted(departures, key=_began)}
    ids = sorted(newest)  # in one order, so that relays wait for each other and no more
    for start in range(0, len(ids), CHUNK):
        _store([newest[client_id] for client_id in ids[start : start + CHUNK]])


def forget_old() -> None:
    """Remove the clients that have not come for `CLIENT_RETENTION`, and are not there now."""
    from realtime.models import Client, Presence

    if not conf().CLIENT_RETENTION:
        return
    since = timezone.now() - datetime.timedelta(seconds=conf().CLIENT_RETENTION or 0)
    old = Client.objects.filter(last_seen_at__lt=since).exclude(
        client_id__in=Presence.objects.values("client_id")
    )
    while pks := list(old.values_list("pk", flat=True)[:CHUNK]):
        Client.objects.filter(pk__in=pks).delete()


def _began(departure: Departure) -> tuple[datetime.datetime, datetime.datetime]:
    return departure.seen.connected_at, departure.at


def _store(departures: Sequence[Departure]) -> None:
    from realtime.models import Client

    using = router.db_for_write(Client)
    ids = [one.seen.client_id for one in departures]
    known = {row.client_id: row for row in Client.objects.using(using).filter(client_id__in=ids)}
    users = _present_users(one for one in departures if one.seen.client_id not in known)
    rows = [
        row
        for one in departures
        if (row := _row(one, known.get(one.seen.client_id), users)) is not None
    ]
    _write(using, [row for row in rows if row.client_id in known])
    new = sorted((row for row in rows if row.client_id not in known), key=_user)
    for _, of_user in itertools.groupby(new, key=_user):
        # A transaction each: a new row locks its user's, and several of these in one order may have
        # been locked by a transaction of the host's in another.
        _write(using, list(of_user))


def _user(row: Client) -> str:
    return str(row.user_id)


def _write(using: str, rows: Sequence[Client]) -> None:
    """Write rows, but those of users who are deleted meanwhile: these take their clients along."""
    try:
        _upsert(using, rows)
    except IntegrityError:
        present = _existing(row.user_id for row in rows)
        if all(row.user_id in present for row in rows):
            raise
        _write(using, [row for row in rows if row.user_id in present])


def _upsert(using: str, rows: Sequence[Client]) -> None:
    from realtime.models import Client

    by_target = connections[using].features.supports_update_conflicts_with_target
    Client.objects.using(using).bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["last_seen_at", "connected_at", "handed", "sent", *_TAKEN],
        unique_fields=["client_id"] if by_target else None,
    )


_TAKEN: Final = ("device_id", "joined", "acknowledged", "tables", "asked", "granted")


def _present_users(departures: Iterable[Departure]) -> dict[str, Any]:
    """Return the primary keys of those users who still exist, by their text."""
    generated = (one.seen.user_id for one in departures if is_generated(one.seen.client_id))
    return {str(pk): pk for pk in _existing(generated)}


def _existing(users: Iterable[Any]) -> set[Any]:
    keys = set(users)
    found = get_user_model()._base_manager.filter(pk__in=keys).values_list("pk", flat=True)
    return set(found) if keys else set()


def _row(departure: Departure, row: Client | None, users: dict[str, Any]) -> Client | None:
    """Return the row of a client that departed; None where there is none to be written."""
    from realtime.models import Client

    seen = departure.seen
    if row is None:
        if seen.watches or seen.user_id not in users or not is_generated(seen.client_id):
            return None
        row = Client(client_id=seen.client_id, user_id=users[seen.user_id])
    is_late = row.connected_at is not None and row.connected_at > seen.connected_at
    if is_late or str(row.user_id) != seen.user_id:
        return None
    row.pk = None  # it is found by its client id; no database may trip over another key
    for name in _TAKEN:
        if name != "acknowledged" or seen.acknowledged:
            setattr(row, name, getattr(seen, name))
    row.connected_at, row.last_seen_at = seen.connected_at, departure.at
    row.handed = departure.handed
    if seen.caught_up:
        row.sent = departure.handed
    return row
