"""Reading the notices of changed rights, each once per relay.

An id is taken before its commit, so what lies below the highest one seen may still appear. Ids are
therefore looked at for as long as a transaction usually lasts; for one that lasts longer there is
the periodic look at every connection's rights.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable
from typing import Final

from django.db import router
from django.db.models import Max
from django.utils import timezone

WINDOW: Final = 60.0
"""Seconds for which an id may appear below one that was seen."""

OVERLAP: Final = 1000
"""Ids below the highest that are looked at from the beginning."""

KEPT: Final = datetime.timedelta(hours=1)
"""How long notices stay in the table: longer than any relay can be late."""


class Notices:
    """What one relay has read of the notices. Used by one thread at a time."""

    def __init__(self) -> None:
        self._floor: int | None = None
        self._seen: dict[int, float] = {}

    def read(self) -> set[str]:
        """Return the ids of the users of notices that were committed since the last call.

        The first call returns none: who connects later is looked up then.
        """
        from realtime.models import Notice

        # Where they are written: a replica would show a loss later than the log shows what follows.
        notices = Notice.objects.using(router.db_for_write(Notice))
        is_first = self._floor is None
        if self._floor is None:
            newest = notices.aggregate(newest=Max("pk"))["newest"] or 0
            self._floor = newest - OVERLAP
        found = dict(notices.filter(pk__gt=self._floor).values_list("pk", "user_id"))
        news = set() if is_first else {found[pk] for pk in found.keys() - self._seen.keys()}
        self._remember(found)
        return news

    def _remember(self, ids: Iterable[int]) -> None:
        now = time.monotonic()
        for pk in ids:
            self._seen.setdefault(pk, now)
        old = [pk for pk, seen_at in self._seen.items() if seen_at < now - WINDOW]
        self._floor = max([self._floor or 0, *old])
        for pk in [pk for pk in self._seen if pk <= self._floor]:
            del self._seen[pk]


def forget_old() -> None:
    """Remove the notices that every relay has read."""
    from realtime.models import Notice

    Notice.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
