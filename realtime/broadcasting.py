"""Events that are not changes of a record: at most once, to whoever is connected now."""

from __future__ import annotations

from typing import Any

from realtime.announcer import tell_others
from realtime.encoding import timestamp
from realtime.frames import Frame
from realtime.layer import MESSAGE, PROCESS
from realtime.messages import Event, encode
from realtime.relay import local_relays
from sync.registry import EVERYONE


def broadcast(event: str, data: Any = None, *, audience: str = EVERYONE) -> None:
    """Send an event to every connected client of an audience, in all processes.

    At most once, and outside the order of changes: a client that is away, or a channel layer
    that is down, loses it. What must arrive belongs into a registered model. Never waits; callable
    from any thread. Raises `TypeError` for data that is not JSON.
    """
    _send(event, data, audience=audience, client_id=None)


def send_to(client_id: str, event: str, data: Any = None) -> None:
    """Send an event to the connections of one client, under the same terms as `broadcast`."""
    _send(event, data, audience=None, client_id=client_id)


def _send(event: str, data: Any, *, audience: str | None, client_id: str | None) -> None:
    text = encode(Event(event=event, data=data, timestamp=timestamp(None)))
    for relay in local_relays():
        relay.message_threadsafe(Frame(text), audience, client_id)
    tell_others(
        {
            "type": MESSAGE,
            "text": text,
            "audience": audience,
            "client_id": client_id,
            "sender": PROCESS,
        }
    )
