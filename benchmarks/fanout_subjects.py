"""Who is measured: how each server is started, how its clients speak, what makes it send."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from benchmarks.fanout_dialects import ServerSentEvents, SocketIo, WebSocket
from benchmarks.fanout_servers import Server
from tests.support.loopback import HOST

DAPHNE: Final = (
    *(sys.executable, "-m", "daphne"),
    # With Daphne's own backlog of 50 the kernel's timers would decide when a crowd is in.
    *("-e", f"tcp:{{port}}:interface={HOST}:backlog=4096"),
)
UVICORN: Final = (sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "{port}")

HUB: Final = "this hub"
HUB_BROADCAST: Final = "this hub, broadcast()"
CHANNELS: Final = "Channels, in memory"
NODE_WS: Final = "Node ws"


@dataclasses.dataclass(frozen=True)
class Subject:
    """A server to be compared; `most` is how many events it takes at once without losing any."""

    name: str
    command: tuple[str, ...]
    dialect: Callable[[], WebSocket] = WebSocket
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    most: int = 500

    def server(self) -> Server:
        """Return its server, not started yet."""
        if shutil.which(self.command[0]) is None:
            raise RuntimeError(f"{self.command[0]} is not installed")
        return Server(self.command, self.environment)


def peers(redis_url: str) -> list[Subject]:
    """Return everybody but the hub."""
    # A channel holds 100 messages by default, a listener of django-eventstream 10; more are lost.
    channels = [
        Subject(
            name,
            (*DAPHNE, "benchmarks.peers.plain_channels:application"),
            environment={
                "DJANGO_SETTINGS_MODULE": "benchmarks.peers.channels_settings",
                "BENCH_LAYER": layer,
                "BENCH_REDIS_URL": redis_url,
            },
            most=100,
        )
        for name, layer in (
            (CHANNELS, "memory"),
            ("Channels, Redis core", "core"),
            ("Channels, Redis pub/sub", "pubsub"),
        )
    ]
    return [
        *channels,
        Subject(NODE_WS, ("node", "benchmarks/node/ws.mjs", "{port}")),
        Subject("socket.io", ("node", "benchmarks/node/socketio.mjs", "{port}"), SocketIo),
        Subject(
            "python-socketio", (*UVICORN, "benchmarks.peers.socketio_asgi:application"), SocketIo
        ),
        Subject(
            "websockets broadcast()",
            (sys.executable, "-m", "benchmarks.peers.websockets_broadcast", "{port}"),
        ),
        Subject(
            "django-eventstream",
            (*DAPHNE, "benchmarks.peers.eventstream:application"),
            ServerSentEvents,
            {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.eventstream_settings"},
            most=10,
        ),
    ]


def bare_sockets() -> Subject:
    """Return what does nothing but write, for the control measurement."""
    return Subject("sockets", (sys.executable, "-m", "benchmarks.peers.bare_sockets", "{port}"))


@contextmanager
def asked(server: Server, path: str) -> Iterator[socket.socket]:
    """Have a server send, by a request that stays open meanwhile: some servers cancel what they do
    for a client that has gone."""
    with socket.create_connection(server.address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        yield connection


@contextmanager
def burst(server: Server, events: int) -> Iterator[None]:
    """Have a server send so many events to each of its clients."""
    with asked(server, f"/burst/{events}"):
        yield
