"""The sockets that this process's Daphne listens on, reached through Twisted's reactor.

Daphne has Twisted keep an accept queue that is too short for clients that all come back. And where
it was given a Unix socket, Twisted takes it for one of its own: at the end it unlinks the path and
shuts the socket down for every process that it is shared with. Both are put right here.
"""

from __future__ import annotations

import sys
from typing import Any

from realtime.accepting import pace
from realtime.conf import conf

ABSTRACT = b"\0"
"""Where Twisted takes a Unix socket to be that has no path, and so none to unlink."""


_paced: list[Any] = []
"""The ports that were prepared: who accepts nobody for a moment is no reader of the reactor."""


def ports() -> list[Any]:
    """Return the ports that accept connections, now or in a moment; none outside of a running
    Daphne."""
    reactor: Any = sys.modules["twisted.internet.reactor"]
    tcp, unix = sys.modules["twisted.internet.tcp"], sys.modules.get("twisted.internet.unix")
    kinds = tuple(module.Port for module in (tcp, unix) if module is not None)
    reading = [reader for reader in reactor.getReaders() if isinstance(reader, kinds)]
    paused = [port for port in _paced if port.connected and not port.disconnecting]
    return reading + [port for port in paused if port not in reading]


def prepare() -> None:
    """Have the ports hold `LISTEN_BACKLOG` connections until they are accepted, a few at once, and
    leave sockets alone at the end that other processes use as well."""
    for port in ports():
        port.socket.listen(conf().LISTEN_BACKLOG)
        pace(port)
        _paced.append(port)
        if _is_lent(port):
            port._shouldShutdown = False
            port._bindPath = ABSTRACT


def stop() -> None:
    """Accept nobody any more: who comes now is for other processes."""
    for port in ports():
        port.stopListening()


def server() -> Any | None:
    """Return the Daphne behind the ports, or None where there is none."""
    for port in ports():
        factory = getattr(port.factory, "wrappedFactory", port.factory)  # behind TLS
        if (found := getattr(factory, "server", None)) is not None:
            return found
    return None


def _is_lent(port: Any) -> bool:
    """Tell whether a Unix socket was handed to Daphne: it locks the path of each that it made."""
    return hasattr(port, "_bindPath") and not port.wantPID
