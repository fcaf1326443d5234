"""What is kept with devices of their connections: when, from where, with what, how far behind."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connections, router, transaction
from django.utils import timezone

from realtime.buckets import Clock
from realtime.presence import end_of_log, lag
from realtime.seen import Seen
from realtime.sightings import RESOLUTION


class Devices:
    """Which devices a relay has written, and when, so that only news is written.

    News is another address, program or cursor, and after a minute that the device is still there.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[int, tuple[Seen, float]] = {}

    def news(self, rows: Iterable[Seen]) -> dict[int, Seen]:
        """Return what is to be written; of a device with several connections, of its newest."""
        newest: dict[int, Seen] = {}
        for seen in sorted(rows, key=lambda seen: seen.connected_at):
            if seen.device_id is not None:
                newest[seen.device_id] = seen
        self._written = {key: value for key, value in self._written.items() if key in newest}
        return {key: seen for key, seen in newest.items() if self._is_news(key, seen)}

    def wrote(self, devices: Mapping[int, Seen]) -> None:
        """Note what has been written now."""
        now = self._clock()
        self._written |= {key: (seen, now) for key, seen in devices.items()}

    def _is_news(self, device_id: int, seen: Seen) -> bool:
        known, at = self._written.get(device_id, (None, 0.0))
        return known != seen or self._clock() - at >= RESOLUTION.total_seconds()


def store(devices: Mapping[int, Seen]) -> None:
    """Write what was seen of devices, all at once. What a client did not say stays as it is."""
    from realtime.models import Device

    if not devices:
        return
    using = router.db_for_write(Device)
    now, end = timezone.now(), end_of_log()
    # In one order, so that relays that write the same devices wait for each other and no more.
    rows = [
        (now, seen.address, seen.app_version, seen.platform, seen.acknowledged)
        + (lag(seen.acknowledged, end), device_id)
        for device_id, seen in sorted(devices.items())
    ]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.executemany(_statement(using), [_prepared(using, row) for row in rows])


_SAID: Final = ("address", "app_version", "platform", "cursor")


def _statement(using: str) -> str:
    """Return one UPDATE by key: a row of values per device costs the database less to read than the
    CASE of `bulk_update`, which grows with the square of the rows."""
    from realtime.models import Device

    quote = connections[using].ops.quote_name
    said = ", ".join(f"{quote(name)} = COALESCE(NULLIF(%s, ''), {quote(name)})" for name in _SAID)
    return (
        f"UPDATE {quote(Device._meta.db_table)} SET {quote('last_seen_at')} = %s, {said},"
        f" {quote('lag')} = COALESCE(%s, {quote('lag')}) WHERE {quote('id')} = %s"
    )


def _prepared(using: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    seen_at, *others = row
    return (connections[using].ops.adapt_datetimefield_value(seen_at), *others)
