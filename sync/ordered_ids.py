"""Ids that nobody else has and that grow with time, so that an index is written at its end."""

from __future__ import annotations

import os
import time
import uuid


def ordered_id() -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562 section 5.7): milliseconds first, then chance."""
    chance = int.from_bytes(os.urandom(10))
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    rand_a, rand_b = chance >> 68, chance & (1 << 62) - 1
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
