"""A client that stops reading, as a program that hangs does: its socket stays open, and full."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from tests.support.loopback import HOST
from tests.support.replica import Message, Replica

SECONDS = 30
RECEIVE_BUFFER = 4096
READ_AT_ONCE = 1 << 16


class StubbornClient(Replica):
    """Reads only while it waits for something; between, the kernel's buffers fill up."""

    def __init__(self, ws_url: str, token: str) -> None:
        super().__init__()
        self._protocol = ClientProtocol(parse_uri(ws_url), max_size=None)
        self._socket = socket.socket()
        # Before connecting: afterwards the kernel has already promised the server more.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.settimeout(SECONDS)
        self._socket.connect((HOST, parse_uri(ws_url).port))
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        self.send({"type": "hello", "token": token})
        self.send({"type": "sync_request"})
        self.read_until(lambda client: client.caught_up)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, which the server reads whether or not this client reads."""
        while not self._protocol.handshake_exc and self._protocol.state.name == "CONNECTING":
            self._receive()
        self._protocol.send_text(json.dumps(message).encode())
        self._flush()

    def read_until(self, predicate: Callable[[Self], Any]) -> None:
        """Read until the predicate holds; fails where nothing more comes."""
        while not predicate(self):
            self._receive()

    def close(self) -> None:
        """Cut the connection."""
        self._socket.close()

    def _receive(self) -> None:
        data = self._socket.recv(READ_AT_ONCE)
        assert data, f"the server has closed; {len(self.received)} messages received"
        self._protocol.receive_data(data)
        self._flush()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                message: Message = json.loads(bytes(event.data))
                self.take(message)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)


@contextmanager
def stubborn_clients(count: int, ws_url: str, token: str) -> Iterator[list[StubbornClient]]:
    """Connect clients that are live and do not read."""
    clients: list[StubbornClient] = []
    try:
        for _ in range(count):
            clients.append(StubbornClient(ws_url, token))
        yield clients
    finally:
        for client in clients:
            client.close()
