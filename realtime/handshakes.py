"""Sparing each handshake what autobahn does for a debug line.

It writes out the whole configuration of every connection with `pprint`, also where nobody logs
that: a twelfth of what letting somebody in takes.
"""

from __future__ import annotations

import sys
from pprint import pformat
from typing import Any


def spare() -> None:
    """Have autobahn's debug lines take lists as they are; the same values are logged."""
    protocol: Any = sys.modules.get("autobahn.websocket.protocol")
    if getattr(protocol, "pformat", None) is pformat:
        protocol.pformat = _unwritten


def _unwritten(value: Any) -> Any:
    return value if isinstance(value, list) else pformat(value)
