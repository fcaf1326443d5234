"""A Daphne whose kernel takes little: a client that does not read is felt after some KiB.

An app for a hub. Else the kernel keeps megabytes for each client, and what the process keeps is
seen only after more has been sent to everybody than a test has time for.
"""

from __future__ import annotations

import socket
from typing import Any

from django.apps import AppConfig

SEND_BUFFER = 16 * 1024


class SmallBuffersConfig(AppConfig):
    name = "tests.support.small_buffers"
    label = "small_buffers"

    def ready(self) -> None:
        from twisted.internet import tcp

        accept = tcp.Server.__init__

        def accept_with_little(server: Any, connection: socket.socket, *args: Any) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            accept(server, connection, *args)

        tcp.Server.__init__ = accept_with_little  # type: ignore[method-assign,assignment]
