"""Tells since when there is something behind places of the log: how old the oldest change is that
who stands there does not have."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Final

from django.db.models import Subquery

from sync.models import LogHead, SyncLog

CHUNK: Final = 100
"""Places that one statement looks up, each by one look into an index."""


def published_after(using: str, places: Iterable[int]) -> dict[int, datetime.datetime]:
    """Return by each place when the first entry behind it was published that is still kept; a place
    at the end of the log has none.

    One statement for a hundred places.
    """
    asked = sorted(set(places))
    found: dict[int, datetime.datetime] = {}
    for start in range(0, len(asked), CHUNK):
        found |= _published_after(using, asked[start : start + CHUNK])
    return found


def _published_after(using: str, places: list[int]) -> dict[int, datetime.datetime]:
    published = SyncLog.objects.published().order_by("seq").values("published_at")
    looks = {f"after_{place}": Subquery(published.filter(seq__gt=place)[:1]) for place in places}
    row = LogHead.objects.using(using).annotate(**looks).values(*looks).first() or {}
    moments = {place: row.get(f"after_{place}") for place in places}
    return {place: moment for place, moment in moments.items() if moment is not None}
