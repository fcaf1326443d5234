"""What ties a worker to the `hub_serve` that started it: one socket between the two.

The worker says on it that it listens. Its end tells the worker that `hub_serve` has gone, however
that came about: a worker that nobody watches would keep the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

DESCRIPTOR_VARIABLE: Final = "HUB_SERVE_FD"
READY: Final = b"ready\n"


def tie(on_loss: Callable[[], None]) -> None:
    """Tell the `hub_serve` that this process listens, and call `on_loss` when that is gone.

    Does nothing in a process that another program has started.
    """
    number = os.environ.pop(DESCRIPTOR_VARIABLE, None)
    if number is None:
        return
    loop = asyncio.get_running_loop()
    tether = socket.socket(fileno=int(number))
    tether.setblocking(False)
    tether.set_inheritable(False)

    def look() -> None:
        with contextlib.suppress(BlockingIOError):
            if not tether.recv(1):
                loop.remove_reader(tether)
                logger.warning("hub_serve has gone, leaving.")
                on_loss()

    with contextlib.suppress(BrokenPipeError):
        tether.send(READY)
    loop.add_reader(tether, look)
