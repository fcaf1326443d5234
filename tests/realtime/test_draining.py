"""A process with a `GOODBYE_TIME` that SIGTERM ends: who is told when, and when it ends."""

from __future__ import annotations

import asyncio
import http.client
import signal

import pytest

from tests.support.loopback import HOST
from tests.support.off_loop import eventually, off_loop
from tests.support.slow_urls import ENTERED
from tests.support.varied import varied

LONG = 300.0
"""A goodbye time that no test waits for."""


def hub_with(start_hub, goodbye_time, **settings):
    return start_hub(**varied(REALTIME={"GOODBYE_TIME": goodbye_time}, **settings))


async def told(client):
    """Wait until a client is sent away."""
    assert (await client.wait_closed())[0] == 1001
    assert client.received[-1]["type"] == "goodbye"


async def test_clients_are_told_one_after_the_other_and_the_last_one_ends_the_process(
    start_hub, connect, token
):
    hub = hub_with(start_hub, LONG)
    clients = [await (await connect(hub, token=token)).join() for _ in range(30)]
    hub.send_signal(signal.SIGTERM)
    all_told = [asyncio.create_task(told(client)) for client in clients]
    await asyncio.wait(all_told, return_when=asyncio.FIRST_COMPLETED)
    assert any(client.is_open for client in clients), "all are told at once"
    await asyncio.gather(*all_told)
    assert (await off_loop(hub.wait)).code == 0
    assert "Saying goodbye to 30 connections within 3.0 seconds." in hub.log_text()


async def test_a_process_without_clients_ends_at_once(start_hub):
    hub = hub_with(start_hub, LONG)
    await off_loop(answered, hub)  # Daphne listens before it takes signals
    assert (await off_loop(hub.terminate)).code == 0


def answered(hub):
    request = http.client.HTTPConnection(HOST, hub.port, timeout=30)
    request.request("GET", "/")
    request.getresponse().read()
    request.close()


async def test_nobody_new_is_accepted_while_those_who_are_there_are_served(
    start_hub, connect, token
):
    hub = hub_with(start_hub, LONG, ROOT_URLCONF="tests.support.slow_urls")
    client = await (await connect(hub, token=token)).join()
    async with slow_request(hub):
        await client.expect("event", event=ENTERED)
        hub.send_signal(signal.SIGTERM)
        await told(client)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, hub.port)
        assert hub.is_running(), "a request is waited for"
        # Ctrl-C ends it whatever it waits for.
        assert (await off_loop(hub.terminate, signal.SIGINT)).code == 0


async def test_what_is_left_at_the_end_of_the_time_is_ended(start_hub, connect, token):
    hub = hub_with(start_hub, 1.0, ROOT_URLCONF="tests.support.slow_urls")
    client = await (await connect(hub, token=token)).join()
    async with slow_request(hub):
        await client.expect("event", event=ENTERED)
        hub.send_signal(signal.SIGTERM)
        await told(client)
        assert (await off_loop(hub.wait)).code == 0


async def test_a_second_sigterm_changes_nothing_and_sigint_tells_all_at_once(
    start_hub, connect, token
):
    hub = hub_with(start_hub, LONG)
    clients = [await (await connect(hub, token=token)).join() for _ in range(40)]
    hub.send_signal(signal.SIGTERM)
    await eventually(lambda: "Saying goodbye to 40 connections" in hub.log_text())
    hub.send_signal(signal.SIGTERM)
    hub.send_signal(signal.SIGINT)
    await asyncio.gather(*map(told, clients))
    assert (await off_loop(hub.wait)).code == 0
    assert "Said goodbye to" in hub.log_text()


class slow_request:
    """A request that is not answered in time."""

    def __init__(self, hub):
        self.hub = hub

    async def __aenter__(self):
        _, self.writer = await asyncio.open_connection(HOST, self.hub.port)
        self.writer.write(f"GET /slow/async/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    async def __aexit__(self, *exc_info):
        self.writer.close()
