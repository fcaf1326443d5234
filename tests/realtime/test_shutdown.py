"""A goodbye at the end: for whom, and when to come back; whole servers are stopped in tests/e2e."""

from __future__ import annotations

import pytest_asyncio

from realtime import shutdown
from tests.realtime.doubles import connection_of


@pytest_asyncio.fixture
async def watched():
    connections = []

    def watch(count):
        for _ in range(count):
            connections.append(connection_of())
            shutdown.watch(connections[-1])
        return connections

    yield watch
    for connection in connections:
        shutdown.forget(connection)


def retry_times(connections):
    for connection in connections:
        shutdown.say_goodbye(connection)
    return [connection.transport.messages[0]["retryAfterMs"] for connection in connections]


async def test_each_client_is_told_to_come_back_at_a_time_of_its_own(watched, settings):
    settings.REALTIME = {"RETRY_AFTER": (1.0, 2.0), "RETRY_AFTER_PER_CONNECTION": 0.002}
    times = retry_times(watched(50))
    assert len(set(times)) > 25
    assert all(1000 <= time <= 2000 + 50 * 2 for time in times)


async def test_many_clients_are_spread_over_a_longer_time(watched, settings):
    settings.REALTIME = {"RETRY_AFTER": (0.0, 0.001), "RETRY_AFTER_PER_CONNECTION": 0.01}
    times = retry_times(watched(1000))
    assert max(times) > 5000
    assert min(times) < 5000


def test_the_time_that_goodbyes_take_is_a_part_of_the_spread(settings):
    settings.REALTIME = {"RETRY_AFTER": (1.0, 2.0), "RETRY_AFTER_PER_CONNECTION": 0.01}
    assert shutdown.spread_of(1000) == (1.0, 12.0)
    assert shutdown.spread_of(1000, lasts=4.0) == (1.0, 8.0)
    assert shutdown.spread_of(1000, lasts=60.0) == (1.0, 2.0)


async def test_who_has_left_is_not_kept_for_the_goodbye():
    connection = connection_of()
    shutdown.watch(connection)
    shutdown.forget(connection)
    assert connection not in shutdown._connections


async def test_the_goodbye_is_a_close_with_1001(watched):
    [connection] = watched(1)
    shutdown.say_goodbye(connection)
    [goodbye] = connection.transport.messages
    assert (goodbye["type"], goodbye["code"], goodbye["reconnect"]) == ("goodbye", 1001, True)
    assert connection.transport.closed[0] == 1001


async def test_behind_a_middleware_that_hides_daphne_clients_still_hear_goodbye_and_a_close(
    start_hub, connect, token
):
    hub = start_hub(application="tests.realtime.wrapped_application:application")
    client = await connect(hub, token=token)
    await client.join()
    # The event loop stands still meanwhile, so this client does not answer the close.
    stopped = hub.terminate()
    goodbye = await client.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (1001, True)
    code, _ = await client.wait_closed()
    assert code == 4000
    assert stopped.code == 0
