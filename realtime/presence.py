"""Who is connected, across processes: a row per connection, confirmed by its relay."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from realtime.conf import conf
from realtime.watching import HISTORY
from sync.conf import conf as sync_conf
from sync.cursor import Position
from sync.errors import InvalidCursor
from sync.models import LogHead

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from realtime.models import Client, Presence

_FIELDS: Final = (
    *("client_id", "user_id", "device_id", "address", "app_version", "platform"),
    *("connected_at", "relay", "acknowledged", "behind"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """An open connection of any process, as its process last said."""

    client_id: str
    user_id: str
    device_id: int | None
    address: str
    app_version: str
    """What the client said in `hello`, as is `platform`; empty where it did not."""
    platform: str
    connected_at: datetime.datetime
    relay: uuid.UUID
    acknowledged: str
    """The cursor up to which the client has stored everything; empty where it did not say."""
    behind: bool
    """Whether live messages were stopped because the client does not read."""
    lag: int | None
    """How many changes of the log, whoever hears them, are newer than `acknowledged`; None where
    that is not known."""


def connections() -> list[ConnectionInfo]:
    """Return the open connections of all processes, oldest first.

    Those of a killed process are counted for up to `PRESENCE_TIMEOUT` seconds. Who is there shows
    at once, what the client acknowledged after up to `PRESENCE_INTERVAL` seconds.
    """
    rows = list(alive_rows().order_by("connected_at").values(*_FIELDS))
    end = end_of_log()
    return [ConnectionInfo(**row, lag=lag(row["acknowledged"], end)) for row in rows]


def client_count() -> int:
    """Return how many different clients are connected to all processes; pages that watch the
    history are none."""
    return client_rows().values("client_id").distinct().count()


def alive_rows() -> QuerySet[Presence]:
    """Return the rows of connections whose process has confirmed them in time."""
    from realtime.models import Presence

    since = timezone.now() - datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT)
    return Presence.objects.filter(seen_at__gte=since)


def client_rows() -> QuerySet[Presence]:
    """Return those of `alive_rows` that are clients': all but the pages that watch the history."""
    return alive_rows().exclude(asked=[HISTORY])


def clients_away() -> QuerySet[Client]:
    """Return the clients that have left and are not connected, those seen last first."""
    from realtime.models import Client

    connected = alive_rows().values("client_id")
    return Client.objects.exclude(client_id__in=connected).order_by("-last_seen_at")


def end_of_log() -> Position | None:
    """Return the position at the end of the log, or None where there is no log yet."""
    head = LogHead.objects.using(sync_conf().DATABASE).filter(pk=LogHead.SINGLETON).first()
    return None if head is None else Position.of_head(head)


def lag(acknowledged: str, end: Position | None) -> int | None:
    """Return how many changes lie between what a client acknowledged and the end of the log; None
    where it acknowledged nothing, or a place in another history."""
    place = None if end is None else place_in(end.epoch, acknowledged)
    return None if end is None or place is None else max(0, end.seq - place)


def place_in(epoch: str, cursor: str) -> int | None:
    """Return the number in the log of an epoch that a cursor stands for; None where it is empty, or
    of another log."""
    try:
        position = Position.parse(cursor)
    except InvalidCursor:
        return None
    return position.seq if position.epoch == epoch else None
