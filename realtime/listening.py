"""The sockets that this process's Daphne listens on, reached through Twisted's reactor.

Daphne has Twisted keep an accept queue that is too short for clients that all come back, and accept
a hundred of them at once and ever more: who was accepted needs a dozen turns of the event loop
until it is live, and would wait for all new handshakes in each. And where Daphne was given a Unix
socket, Twisted takes it for one of its own: at the end it unlinks the path and shuts the socket
down for every process that it is shared with. All of this is put right here.
"""

from __future__ import annotations

import sys
from typing import Any

from realtime.conf import conf

ABSTRACT = b"\0"
"""Where Twisted takes a Unix socket to be that has no path, and so none to unlink."""


def ports() -> list[Any]:
    """Return the ports that accept connections; none outside of a running Daphne."""
    reactor: Any = sys.modules["twisted.internet.reactor"]
    tcp, unix = sys.modules["twisted.internet.tcp"], sys.modules.get("twisted.internet.unix")
    kinds = tuple(module.Port for module in (tcp, unix) if module is not None)
    return [reader for reader in reactor.getReaders() if isinstance(reader, kinds)]


def prepare() -> None:
    """Have the ports hold `LISTEN_BACKLOG` connections until they are accepted, a few at once, and
    leave sockets alone at the end that other processes use as well."""
    for port in ports():
        port.socket.listen(conf().LISTEN_BACKLOG)
        _pace(port)
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
        if (found := getattr(port.factory, "server", None)) is not None:
            return found
    return None


def _pace(port: Any) -> None:
    """Have a port accept no more than `ACCEPTS_AT_ONCE` in a turn of the event loop: Twisted raises
    its own number whenever that many were waiting."""
    accept, most = port.doRead, conf().ACCEPTS_AT_ONCE
    if not most:
        return

    def accept_a_few() -> Any:
        port.numberAccepts = min(port.numberAccepts, most)
        return accept()

    port.doRead = accept_a_few


def _is_lent(port: Any) -> bool:
    """Tell whether a Unix socket was handed to Daphne: it locks the path of each that it made."""
    return hasattr(port, "_bindPath") and not port.wantPID
