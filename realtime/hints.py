"""The relay's ear on the channel layer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from realtime.conf import conf
from realtime.frames import Frame
from realtime.layer import HINT, MESSAGE, ORDER, PROCESS, shared_layer
from realtime.steering import carry_out

if TYPE_CHECKING:
    from realtime.relay import Relay

logger = logging.getLogger(__name__)


async def listen(relay: Relay) -> None:
    """Pass on what other processes announce, for as long as the relay lives.

    The layer may die and come back; meanwhile the tick delivers.
    """
    layer = shared_layer()
    if layer is None:
        return
    failing = False
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(conf().GROUP, channel)
            relay.wake()  # for what was announced while nobody listened
            if failing:
                failing = False
                logger.info("The channel layer is back.")
            await _receive(relay, layer, channel)
        except Exception as error:
            if not failing:
                failing = True
                logger.warning("The channel layer fails, the tick delivers meanwhile: %s", error)
            await asyncio.sleep(conf().TICK)


async def _receive(relay: Relay, layer: Any, channel: str) -> None:
    try:
        while True:
            _handle(relay, await layer.receive(channel))
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await layer.group_discard(conf().GROUP, channel)


def _handle(relay: Relay, message: dict[str, Any]) -> None:
    """Handle a message of another process; the layer shares it between members, so it is only
    read."""
    if message["type"] == HINT:
        relay.wake()
    elif message["type"] == MESSAGE and message["sender"] != PROCESS:
        relay.message(Frame(message["text"]), message["audience"], message["client_id"])
    elif message["type"] == ORDER and message["sender"] != PROCESS:
        carry_out(relay, message["order"], frozenset(message["connections"]))
