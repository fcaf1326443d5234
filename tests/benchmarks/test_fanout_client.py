"""The load client lets nothing pass as heard that was not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks.fanout_client import Crowd, Missing
from benchmarks.fanout_dialects import Refused, WebSocket
from benchmarks.fanout_frames import PING
from tests.benchmarks.test_fanout_frames import frame
from tests.support.loopback import HOST

CLIENTS = 5
SECONDS = 30
EVENT = frame(b"e" * 200)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Listener:
    """Accepts clients on a thread, and gives each the same answer to its opening request."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._socket = socket.create_server((HOST, 0))
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self.connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self.connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            answer = self._answers[min(len(self.connections), len(self._answers) - 1)]
            connection.recv(4096)
            self.connections.append(connection)
            connection.sendall(answer)
            if not answer.startswith(SWITCHING):
                with contextlib.suppress(OSError):  # the client may have gone at the refusal
                    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def listen() -> Iterator[object]:
    listeners: list[Listener] = []

    def start(*answers: bytes) -> Listener:
        listeners.append(Listener(*answers))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def crowd_of() -> Iterator[object]:
    crowds: list[Crowd] = []

    def start(listener: Listener) -> Crowd:
        crowds.append(Crowd(listener.address, WebSocket()))
        return crowds[-1]

    yield start
    for crowd in crowds:
        crowd.close()


def test_it_ends_when_the_last_client_has_the_last_event(listen, crowd_of):
    listener = listen(SWITCHING)
    crowd = crowd_of(listener)
    crowd.join(CLIENTS, SECONDS)
    for connection in listener.connections:
        connection.sendall(EVENT * 2 + EVENT[:7])
    crowd.hear(2, SECONDS)
    for connection in listener.connections:
        connection.sendall(EVENT[7:])
    crowd.hear(1, SECONDS)
    assert crowd.bytes == CLIENTS * (3 * len(EVENT) + len(SWITCHING))


def test_one_client_without_an_event_is_missed(listen, crowd_of):
    listener = listen(SWITCHING)
    crowd = crowd_of(listener)
    crowd.join(CLIENTS, SECONDS)
    for connection in listener.connections[1:]:
        connection.sendall(EVENT)
    with pytest.raises(Missing, match=f"{CLIENTS - 1} of {CLIENTS} events"):
        crowd.hear(1, 0.2)


def test_what_one_client_has_twice_does_not_stand_in_for_what_another_lacks(listen, crowd_of):
    listener = listen(SWITCHING)
    crowd = crowd_of(listener)
    crowd.join(2, SECONDS)
    listener.connections[0].sendall(EVENT * 2)
    with pytest.raises(Missing, match="more or less"):
        crowd.hear(1, SECONDS)


def test_an_event_before_anybody_listens_does_not_count(listen, crowd_of):
    listener = listen(SWITCHING + EVENT)
    crowd = crowd_of(listener)
    crowd.join(1, SECONDS)
    with pytest.raises(Missing):
        crowd.hear(1, 0.2)


def test_a_ping_is_answered(listen, crowd_of):
    listener = listen(SWITCHING)
    crowd = crowd_of(listener)
    crowd.join(1, SECONDS)
    listener.connections[0].sendall(frame(b"now", PING) + EVENT)
    crowd.hear(1, SECONDS)
    listener.connections[0].settimeout(SECONDS)
    assert listener.connections[0].recv(100) == b"\x8a\x83\0\0\0\0now"


def test_who_is_refused_is_not_in(listen, crowd_of):
    crowd = crowd_of(listen(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    with pytest.raises(Refused, match="403 Forbidden"):
        crowd.join(1, SECONDS)


def test_who_is_patient_comes_again(listen, crowd_of):
    crowd = crowd_of(listen(b"HTTP/1.1 503 Busy\r\n\r\n", SWITCHING))
    crowd.join(2, SECONDS, at_once=1, patient=True)
    assert (len(crowd), crowd.sent_away) == (2, 1)
