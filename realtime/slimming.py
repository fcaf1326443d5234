"""Letting go of what Daphne keeps of a handshake that is over.

Nobody asks for it again, and it would stay as long as the connection: the request as bytes and as
three sets of headers, the channel of Twisted that has read it, and a hundred attributes of autobahn
of which nearly all have the same value for everybody. What is not found here is left as it is.
"""

from __future__ import annotations

import logging
from types import NoneType
from typing import Any, Final, NamedTuple

from realtime.short_queue import shorten

logger = logging.getLogger(__name__)

OF_THE_HANDSHAKE: Final = frozenset(
    {
        "_raw_query_string",
        "_transport_details",
        "_wskey",
        "allowedOrigins",
        "allowedOriginsPatterns",
        "application_deferred",
        "flashSocketPolicy",
        "http_headers",
        "http_request_data",
        "http_request_host",
        "http_request_params",
        "http_request_path",
        "http_request_uri",
        "http_response_data",
        "http_status_line",
        "is_open",
        "perMessageCompressionAccept",
        "server_addr",
        "versions",
        "websocket_extensions",
        "websocket_extensions_in_use",
        "websocket_origin",
        "websocket_protocols",
    }
)
"""Attributes of the protocol that are read until the client is accepted, and never again."""

FOR_EVERYBODY: Final = frozenset({"_results", "_valid_events", "trafficStats"})
"""Attributes that may be one for all connections: Daphne listens to no event of autobahn's, and
looks at no statistics."""

CONSTANTS: Final = (bool, int, NoneType)

_kinds: dict[type, type] = {}


class Asked(NamedTuple):
    """What Daphne still wants to know of the request when the connection ends, to log it."""

    path: str


def slim(protocol: Any) -> None:
    """Let go of what is not needed once the client of a protocol of Daphne's was accepted.

    The protocol behaves as before, and keeps what is other than expected.
    """
    if protocol.state != protocol.STATE_OPEN:
        return
    try:
        _leave_http(protocol)
        protocol.request = Asked(protocol.request.path)
        shorten(protocol, "send_queue")
        _share_attributes(protocol)
    except (AttributeError, TypeError) as error:
        logger.debug("A connection keeps what its handshake needed: %s", error)


def _leave_http(protocol: Any) -> None:
    """Part with Twisted's HTTP channel. As the producer of what is written it would be asked to
    pause, and does nothing, for its request never ends."""
    channel = getattr(protocol.transport, "producer", None)
    protocol.unregisterProducer()
    # It and its requests refer to each other, and would be kept until the collector comes by.
    getattr(channel, "requests", []).clear()


def _share_attributes(protocol: Any) -> None:
    """Have the protocol get what is the same for everybody from its class.

    The class is made of the first protocol of its kind: where another differs from that, it keeps
    an attribute of its own, and so it does from when it is set to something else.
    """
    kind = type(protocol)
    shared = _kinds.get(kind) or _kinds.setdefault(kind, _shared(protocol))
    own = {
        name: value
        for name, value in vars(protocol).items()
        if name not in OF_THE_HANDSHAKE
        and name not in FOR_EVERYBODY
        and getattr(shared, name, protocol) is not value
    }
    protocol.__class__ = shared
    protocol.__dict__ = own


def _shared(protocol: Any) -> type:
    attributes = {
        name: None if name in OF_THE_HANDSHAKE else value
        for name, value in vars(protocol).items()
        if name in OF_THE_HANDSHAKE or name in FOR_EVERYBODY or type(value) in CONSTANTS
    }
    kind = type(protocol)
    return type(kind.__name__, (kind,), attributes)
