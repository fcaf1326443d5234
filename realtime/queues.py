"""The listening sockets of `hub_serve`: where connections wait until a worker accepts them.

On one queue that all workers share, an idle machine gives nearly every connection to the same
worker: all of them wake for each, and whoever is quickest takes it. So each worker has a queue of
its own on the same port, between which the kernel spreads connections evenly (`SO_REUSEPORT`). They
belong to `hub_serve` and outlive the workers: what waits in the queue of one that ends is accepted
by the next.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import Any, Final

from realtime.conf import conf
from realtime.errors import CannotServe

INHERITED_KINDS: Final = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


class Queue:
    """One worker's queue; only queues of a worker's own can be closed and opened again."""

    def __init__(self, listener: socket.socket, *, is_shared: bool) -> None:
        self._listener: socket.socket | None = listener
        self._family, self._address = listener.family, listener.getsockname()
        self._is_shared = is_shared

    @property
    def domain(self) -> str:
        """The address family as Twisted's `systemd` endpoint names it."""
        return self._family.name.removeprefix("AF_")

    def open(self) -> socket.socket:
        """Return the socket, which listens; raises `CannotServe` where the port is taken."""
        if self._listener is None:
            self._listener = _listener(self._family, self._address, is_one_of_several=True)
        return self._listener

    def close(self) -> None:
        """Have the kernel give connections to the other queues, while nobody accepts them here."""
        if not self._is_shared and self._listener is not None:
            self._listener.close()
            self._listener = None


def on_port(host: str, port: int, count: int) -> list[Queue]:
    """Return queues on an address, one for each worker; port 0 is one that is free."""
    try:
        [found, *_] = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise CannotServe(f"Cannot listen on {host}: {error.strerror or error}.") from error
    family, address = socket.AddressFamily(found[0]), found[4]
    # Without SO_REUSEPORT first: else two services would share a port that both believe to own.
    probe = _listener(family, address, is_one_of_several=False)
    address = probe.getsockname()
    probe.close()
    return _several(family, address, count)


def on_path(path: str, count: int) -> list[Queue]:
    """Return one queue at the path of a Unix socket, which all workers share."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode) and not _answers(path):
            os.unlink(path)
    listener = _listener(socket.AF_UNIX, path, is_one_of_several=False)
    return [Queue(listener, is_shared=True)] * count


def inherited(descriptor: int, count: int) -> list[Queue]:
    """Return queues beside a listening socket that another program opened, where it allows for that
    by `SO_REUSEPORT`; else it is the one that all workers share."""
    try:
        listener = socket.socket(fileno=descriptor)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotServe(f"Descriptor {descriptor} is no socket: {error.strerror}.") from error
    if not listens or listener.family not in INHERITED_KINDS:
        listener.close()
        raise CannotServe(f"Descriptor {descriptor} is no socket that listens.")
    listener.set_inheritable(False)
    if listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT):
        others = _several(listener.family, listener.getsockname(), count - 1)
        return [Queue(listener, is_shared=True), *others]
    return [Queue(listener, is_shared=True)] * count


def _several(family: socket.AddressFamily, address: Any, count: int) -> list[Queue]:
    opened = (_listener(family, address, is_one_of_several=True) for _ in range(count))
    return [Queue(listener, is_shared=False) for listener in opened]


def _listener(
    family: socket.AddressFamily, address: Any, *, is_one_of_several: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_one_of_several:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(conf().LISTEN_BACKLOG)
    except OSError as error:
        listener.close()
        shown = address if isinstance(address, str) else f"{address[0]}, port {address[1]}"
        raise CannotServe(f"Cannot listen on {shown}: {error.strerror or error}.") from error
    return listener


def _answers(path: str) -> bool:
    """Tell whether somebody listens on a Unix socket, or it was left behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
