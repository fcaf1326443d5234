"""What people who look after the hub have connections do, in whatever process these are.

Like broadcasts the orders go through the channel layer, at most once: whoever gives one sees by the
connections whether it was carried out.
"""

from __future__ import annotations

import enum
import logging
import random
import uuid
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from realtime.announcer import tell_others
from realtime.codes import CloseCode
from realtime.layer import ORDER, PROCESS
from realtime.shutdown import spread_of

if TYPE_CHECKING:
    from realtime.connection import Connection
    from realtime.relay import Relay

logger = logging.getLogger(__name__)

_REASON: Final = "Somebody who looks after the hub has ended the connection. Come back."


class Order(enum.StrEnum):
    """What a connection can be told to do."""

    RESYNC = "resync"
    DISCONNECT = "disconnect"


def resync(connections: Iterable[uuid.UUID]) -> None:
    """Send the clients of connections all that they may hear, to replace what they hold.

    Never waits; a connection of a process that the channel layer does not reach goes on as it was.
    """
    _give(Order.RESYNC, connections)


def disconnect(connections: Iterable[uuid.UUID]) -> None:
    """Close connections with a code that asks their clients to come back, under the same terms."""
    _give(Order.DISCONNECT, connections)


def carry_out(relay: Relay, order: str, connections: Collection[str]) -> None:
    """Carry an order out at those of the connections that are the relay's; on its event loop.

    An order that is not known is another version's, and is left alone. A connection at which it
    fails keeps it from no other.
    """
    meant = [one for one in relay.connections if str(one.id) in connections]
    spread = spread_of(len(meant))
    for connection in meant:
        try:
            _obey(connection, order, spread)
        except Exception:
            logger.exception("Connection %s could not be told to %s.", connection.id, order)


def _obey(connection: Connection, order: str, spread: tuple[float, float]) -> None:
    if order == Order.RESYNC:
        connection.on_resync()
    elif order == Order.DISCONNECT:
        connection.goodbye(CloseCode.DISCONNECTED, _REASON, random.uniform(*spread))


def _give(order: Order, connections: Iterable[uuid.UUID]) -> None:
    from realtime.relay import local_relays

    ids = [str(one) for one in connections]
    if not ids:
        return
    for relay in local_relays():
        relay.call_threadsafe(carry_out, relay, order, frozenset(ids))
    message: dict[str, Any] = {"type": ORDER, "order": order.value, "connections": ids}
    tell_others(message | {"sender": PROCESS})
