"""What must hold whenever a client comes back with its cursor."""

from __future__ import annotations

from sync.models import SyncLog
from tests.support.client import HubClient
from tests.support.ledger import missed_since, named, numbers, numbers_received
from tests.support.off_loop import off_loop
from tests.support.replica import Message, Replica
from tests.support.state import database_state


async def comes_back(client: HubClient) -> list[Message]:
    """Reconnect a client while nobody writes, and return the changes that it was sent: exactly
    what it missed, each once, in order, and enough to be equal to the database."""
    left_at, known = client.cursor, len(client.changes())
    await client.reconnect()
    missed: list[SyncLog] = await off_loop(missed_since, left_at, client.audiences)
    received = client.changes()[known:]
    assert numbers_received(received) == numbers(missed), named(received)
    await is_whole(client)
    return received


async def is_whole(client: Replica) -> None:
    """Assert that a client holds what the database holds for its audiences, after changes that came
    once and in order."""
    assert client.state == await off_loop(database_state, client.audiences)
    assert (client.repeated, client.out_of_order, client.resets) == (0, 0, 0)
