"""Accepting: a few at once, nobody for a moment while many arrive, and nobody who has gone."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import types

import pytest

from realtime import accepting, listening
from realtime.accepting import MANY, PAUSE, PAUSES, has_gone, pace
from realtime.admission import Arriving
from realtime.conf import conf
from tests.support.loopback import HOST
from tests.support.varied import varied

CLIENTS = 40
AT_ONCE = struct.pack("ii", 1, 0)
"""Closing is a reset: what lingers is dropped at once."""


SERVER = object()


class Port:
    """Accepts as Twisted's port does, which raises its number whenever that many were waiting."""

    def __init__(self, waiting):
        self.waiting = waiting
        self.socket = object()
        self.numberAccepts = 100
        self.accepted: list[int] = []
        self.connected, self.disconnecting = True, False
        self.is_reading = True
        self.later: list[tuple[float, object]] = []
        self.reactor = self
        self.factory = types.SimpleNamespace(
            wrappedFactory=types.SimpleNamespace(server=SERVER)  # behind TLS
        )

    def doRead(self):  # noqa: N802  # Twisted's name
        accepted = min(self.numberAccepts, self.waiting)
        self.waiting -= accepted
        self.accepted.append(accepted)
        is_all = accepted == self.numberAccepts
        self.numberAccepts = self.numberAccepts + 20 if is_all else max(1, accepted)

    def stopReading(self):  # noqa: N802
        self.is_reading = False

    def startReading(self):  # noqa: N802
        self.is_reading = True

    def callLater(self, seconds, function):  # noqa: N802
        self.later.append((seconds, function))

    def stopListening(self):  # noqa: N802
        self.stopReading()
        self.disconnecting = True

    def pass_time(self):
        [(seconds, function)] = self.later
        self.later.clear()
        assert seconds == PAUSE
        function()


class Reactor:
    """One that reads nothing at the moment."""

    def getReaders(self):  # noqa: N802
        return []


def paced(waiting):
    port = Port(waiting)
    pace(port)
    return port


@pytest.fixture
def arriving(monkeypatch):
    """How many arrive, as a test sets it."""
    arriving = Arriving()
    monkeypatch.setattr(accepting, "arriving", arriving)
    return arriving


@pytest.fixture
def listener():
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(20)
        yield listener


def client_of(listener):
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"GET / HTTP/1.1\r\n")
    return client


def test_no_more_are_accepted_in_a_turn_than_is_set(settings, arriving):
    settings.REALTIME = {"ACCEPTS_AT_ONCE": 7}
    port = paced(20)
    for _ in range(4):
        port.doRead()
    assert port.accepted == [7, 7, 6, 0]


def test_after_a_quiet_time_no_more_are_accepted_than_before(arriving):
    port = paced(1)
    port.doRead()
    port.waiting = 1000
    for _ in range(5):
        port.doRead()
    assert max(port.accepted) == conf().ACCEPTS_AT_ONCE


@pytest.mark.parametrize("most", [0, None])
def test_any_number_may_be_accepted_at_once(settings, arriving, most):
    settings.REALTIME = {"ACCEPTS_AT_ONCE": most}
    port = paced(1000)
    arriving.count = MANY
    for _ in range(3):
        port.doRead()
    assert port.accepted == [100, 120, 140]


def test_while_many_arrive_nobody_is_accepted_for_a_moment(arriving):
    port = paced(1000)
    arriving.count = MANY
    port.doRead()
    assert (port.accepted, port.is_reading) == ([], False)
    port.pass_time()
    assert port.is_reading
    arriving.count = MANY - 1
    port.doRead()
    assert port.accepted == [conf().ACCEPTS_AT_ONCE]


def test_where_no_look_up_ends_some_are_accepted_now_and_then(arriving):
    port = paced(1000)
    arriving.count = MANY
    for _ in range(3):
        for _ in range(PAUSES):
            port.doRead()
            port.pass_time()
        port.doRead()
    assert port.accepted == [conf().ACCEPTS_AT_ONCE] * 3


@pytest.mark.parametrize("state", [{"connected": False}, {"disconnecting": True}])
def test_a_port_that_was_closed_meanwhile_is_not_opened_again(arriving, state):
    port = paced(1000)
    arriving.count = MANY
    port.doRead()
    vars(port).update(state)
    port.pass_time()
    assert not port.is_reading


def test_whoever_has_gone_is_left_out_and_closed(listener):
    first = client_of(listener)
    client_of(listener).close()
    reset = client_of(listener)
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    reset.close()
    last = client_of(listener)
    port = Port(0)
    port.socket = listener
    pace(port)
    accepted = [port.socket.accept() for _ in range(2)]
    addresses = [client.getsockname() for client in (first, last)]
    assert [address for _, address in accepted] == addresses
    assert port.socket.getsockname() == listener.getsockname()
    for one in (first, last, *(connection for connection, _ in accepted)):
        one.close()


def test_those_who_have_gone_do_not_keep_the_others_from_their_turn(listener, monkeypatch):
    monkeypatch.setattr(accepting, "GONE_AT_ONCE", 2)
    for _ in range(3):
        client_of(listener).close()
    last = client_of(listener)
    port = Port(0)
    port.socket = listener
    pace(port)
    with pytest.raises(BlockingIOError):
        port.socket.accept()
    connection, address = port.socket.accept()
    assert address == last.getsockname()
    for one in (last, connection):
        one.close()


def test_the_ports_of_a_server_are_paced(listener, arriving, settings, monkeypatch):
    settings.REALTIME = {"ACCEPTS_AT_ONCE": 7}
    port = Port(20)
    port.socket = listener
    monkeypatch.setattr(listening, "_paced", [])
    monkeypatch.setattr(listening, "ports", lambda: [port])
    listening.prepare()
    port.doRead()
    assert port.accepted == [7]
    assert listening._paced == [port]


def test_a_port_that_accepts_nobody_for_a_moment_is_stopped_with_the_others(arriving, monkeypatch):
    port = paced(1000)
    arriving.count = MANY
    port.doRead()
    monkeypatch.setattr(listening, "_paced", [port])
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", Reactor())
    assert listening.ports() == [port]
    assert listening.server() is SERVER
    listening.stop()
    assert port.disconnecting
    assert listening.ports() == []
    port.pass_time()
    assert not port.is_reading


def test_where_nobody_waits_accepting_says_so_as_a_socket_does(listener):
    port = Port(0)
    port.socket = listener
    pace(port)
    listener.setblocking(False)
    client_of(listener).close()
    with pytest.raises(BlockingIOError):
        while True:
            port.socket.accept()


def test_what_the_system_does_not_tell_of_is_taken_to_be_there(listener, monkeypatch):
    client = client_of(listener)
    connection, _ = listener.accept()
    client.close()
    monkeypatch.setattr(accepting, "_TCP_INFO", None)
    assert not has_gone(connection)
    connection.close()
    monkeypatch.undo()
    assert not has_gone(connection)
    ours, theirs = socket.socketpair()
    theirs.close()
    assert not has_gone(ours)
    ours.close()


async def test_all_who_come_at_once_are_let_in(start_hub, connect, token):
    hub = start_hub(**varied(REALTIME={"ACCEPTS_AT_ONCE": 1}))
    clients = await asyncio.gather(*(connect(hub, token=token) for _ in range(CLIENTS)))
    await asyncio.gather(*(client.join() for client in clients))
    assert all(client.is_open for client in clients)
