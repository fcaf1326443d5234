"""The sockets that Daphne listens on: how many wait, and how many are accepted at once."""

from __future__ import annotations

import asyncio
import socket

import pytest

from realtime import listening
from realtime.conf import conf
from tests.support.varied import varied

CLIENTS = 40


class Port:
    """Accepts as Twisted's port does, which raises its number whenever that many were waiting."""

    def __init__(self, waiting):
        self.socket = socket.socket()
        self.numberAccepts = 100
        self.accepted: list[int] = []
        self._waiting = waiting

    def doRead(self):  # noqa: N802  # Twisted's name
        accepted = min(self.numberAccepts, self._waiting)
        self._waiting -= accepted
        self.accepted.append(accepted)
        self.numberAccepts = (
            self.numberAccepts + 20 if accepted == self.numberAccepts else max(1, accepted)
        )


@pytest.fixture
def prepared(monkeypatch):
    """Return a function that makes a port where so many wait, as the hub prepares it."""
    ports: list[Port] = []

    def make(waiting):
        port = Port(waiting)
        ports.append(port)
        monkeypatch.setattr(listening, "ports", lambda: [port])
        listening.prepare()
        return port

    yield make
    for port in ports:
        port.socket.close()


def test_no_more_are_accepted_in_a_turn_than_is_set(prepared, settings):
    settings.REALTIME = {"ACCEPTS_AT_ONCE": 7}
    port = prepared(20)
    for _ in range(4):
        port.doRead()
    assert port.accepted == [7, 7, 6, 0]


def test_after_a_quiet_time_as_many_are_accepted_as_before(prepared):
    port = prepared(1)
    port.doRead()
    port._waiting = 1000
    for _ in range(5):
        port.doRead()
    assert max(port.accepted) == conf().ACCEPTS_AT_ONCE


@pytest.mark.parametrize("most", [0, None])
def test_any_number_may_be_accepted_at_once(prepared, settings, most):
    settings.REALTIME = {"ACCEPTS_AT_ONCE": most}
    port = prepared(1000)
    for _ in range(3):
        port.doRead()
    assert port.accepted == [100, 120, 140]


async def test_who_comes_while_others_are_accepted_is_let_in_after_them(start_hub, connect, token):
    hub = start_hub(**varied(REALTIME={"ACCEPTS_AT_ONCE": 1}))
    clients = await asyncio.gather(*(connect(hub, token=token) for _ in range(CLIENTS)))
    await asyncio.gather(*(client.join() for client in clients))
    assert all(client.is_open for client in clients)
