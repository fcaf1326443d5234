"""Who hears it? Connections, catch-up and live fan-out of the changes that `sync` records."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime.broadcasting import broadcast, send_to
    from realtime.host_grants import Authenticated
    from realtime.presence import ConnectionInfo, client_count, connections
    from realtime.refreshing import refresh

__all__ = [
    "Authenticated",
    "ConnectionInfo",
    "broadcast",
    "client_count",
    "connections",
    "refresh",
    "send_to",
]

_HOMES = {
    "Authenticated": "realtime.host_grants",
    "ConnectionInfo": "realtime.presence",
    "broadcast": "realtime.broadcasting",
    "client_count": "realtime.presence",
    "connections": "realtime.presence",
    "refresh": "realtime.refreshing",
    "send_to": "realtime.broadcasting",
}


def __getattr__(name: str) -> Any:
    """Import on first use: Django loads this package before models can be imported."""
    if name not in _HOMES:
        raise AttributeError(f"module 'realtime' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
