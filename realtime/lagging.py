"""How far clients are behind the log, in changes and in time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from django.utils import timezone

from realtime.presence import end_of_log, lag
from sync.conf import conf as sync_conf
from sync.published_after import published_after


@dataclasses.dataclass(frozen=True, slots=True)
class Lag:
    """How many changes of the log, whoever hears them, a client does not have, and for how long the
    oldest of them has been there."""

    changes: int
    time: datetime.timedelta


def lags(clients: Sequence[tuple[str, str]]) -> list[Lag | None]:
    """Return the lag of each client, given by the cursors that it acknowledged and was sent: from
    the first of these that is a place in the present log, None where neither is.

    Two queries, whatever their number up to a hundred.
    """
    end, now = end_of_log(), timezone.now()
    if end is None:
        return [None] * len(clients)
    counted = [
        lag(sent, end) if (stored := lag(acknowledged, end)) is None else stored
        for acknowledged, sent in clients
    ]
    places = [end.seq - changes for changes in counted if changes]
    waiting = published_after(sync_conf().DATABASE, places) if places else {}
    return [
        None
        if changes is None
        else Lag(changes, max(now - waiting.get(end.seq - changes, now), datetime.timedelta()))
        for changes in counted
    ]
