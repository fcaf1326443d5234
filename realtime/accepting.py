"""Accepting connections: a few at once, and nobody who has given up meanwhile.

Twisted accepts a hundred at once and ever more: who was accepted needs a dozen turns of the event
loop until it is live, and would wait for all new handshakes in each. And whoever gave up while it
waited in the kernel would be given a handshake, while those who are still there wait: the longer
the queue, the more of it would be of that kind.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

from realtime.admission import arriving
from realtime.conf import conf

MANY: Final = 200
"""Clients that are being looked up, from which on nobody else is accepted for a moment."""

PAUSE: Final = 0.05
"""Seconds of such a moment."""

PAUSES: Final = 5
"""Moments after which some are accepted in any case: where no look-up ends, requests that need none
must not wait."""

GONE_AT_ONCE: Final = 100
"""Connections of those who have gone that are closed in a row, before others have their turn."""

TCP_CLOSE: Final = 7
TCP_CLOSE_WAIT: Final = 8
"""States of a TCP connection whose other end has closed it (Linux, `tcp_states.h`)."""

_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)


def pace(port: Any) -> None:
    """Have a port of Twisted's accept no more than `ACCEPTS_AT_ONCE` in a turn of the event loop,
    and nobody for a moment while many arrive; and close what its client has closed already."""
    port.socket = _Listener(port.socket)
    if conf().ACCEPTS_AT_ONCE:
        port.doRead = _Paced(port, conf().ACCEPTS_AT_ONCE or 0)


class _Paced:
    """Accepts for a port, called whenever somebody waits."""

    def __init__(self, port: Any, most: int) -> None:
        self._port = port
        self._most = most
        self._accept = port.doRead
        self._pauses = 0

    def __call__(self) -> Any:
        if arriving.count >= MANY and self._pauses < PAUSES:
            self._pauses += 1
            self._port.stopReading()
            self._port.reactor.callLater(PAUSE, self._go_on)
            return None
        self._pauses = 0
        # Twisted raises its own number whenever that many were waiting.
        self._port.numberAccepts = min(self._port.numberAccepts, self._most)
        return self._accept()

    def _go_on(self) -> None:
        if self._port.connected and not self._port.disconnecting:
            self._port.startReading()


class _Listener:
    """A listening socket that leaves out connections of those who have gone.

    Daphne ends a connection whose client has closed its side in any case, only later.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection whose client is there; raises as a socket does where none
        waits, and as if none did after `GONE_AT_ONCE` of the others."""
        for _ in range(GONE_AT_ONCE):
            connection, address = self._listener.accept()
            if not has_gone(connection):
                return connection, address
            connection.close()
        raise BlockingIOError(errno.EAGAIN, "others have their turn")


def has_gone(connection: socket.socket) -> bool:
    """Tell whether the other end has closed a connection, as far as the system tells; what it sent
    before may be unread."""
    if _TCP_INFO is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        (state,) = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)
    except OSError:
        return False
    return state in (TCP_CLOSE, TCP_CLOSE_WAIT)
