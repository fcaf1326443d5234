"""The channel layer, as far as the hub uses it: to tell the relays of other processes."""

from __future__ import annotations

import uuid
from typing import Any, Final

from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.conf import conf

HINT: Final = "hub.hint"
MESSAGE: Final = "hub.message"
ORDER: Final = "hub.order"

PROCESS: Final = uuid.uuid4().hex
"""Tells the messages of this process, whose relays were told directly, from those of others."""


def shared_layer() -> Any | None:
    """Return the channel layer if it reaches other processes, else None.

    The in-memory layer does not, and is not thread-safe: within a process relays are told
    directly, other processes' changes arrive by the tick.
    """
    layer = get_channel_layer(conf().CHANNEL_LAYER)
    return None if isinstance(layer, InMemoryChannelLayer) else layer
