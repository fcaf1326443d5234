"""Letting time pass for a log, and pruning it."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

from django.db.models import F

from sync.models import LogHead, SyncLog, log_maintenance
from sync.publishing import publish
from sync.retention import prune


def grow_older(**age: float) -> None:
    """Publish what is pending and make all of the log older; its order of times stays."""
    publish()
    earlier = F("published_at") - datetime.timedelta(**age)
    with log_maintenance():
        SyncLog.objects.published().update(published_at=earlier)
    LogHead.objects.update(published_at=earlier)


def pruned(**options: Any) -> dict[str, int]:
    """Prune, and return how many entries went, by table."""
    removed: Counter[str] = Counter()
    for step in prune(**options):
        removed.update(step.removed)
    return dict(removed)


def horizon() -> int:
    return LogHead.objects.get().horizon
