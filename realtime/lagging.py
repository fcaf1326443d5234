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
    is_acknowledged: bool
    """Whether it is counted from what the client says it has stored, else from what it was sent."""


def lags(clients: Sequence[tuple[str, str]]) -> list[Lag | None]:
    """Return the lag of each client, given by the cursors that it acknowledged and was sent; None
    where neither is a place in the present log.

    Two queries, whatever their number up to a hundred.
    """
    end, now = end_of_log(), timezone.now()
    if end is None:
        return [None] * len(clients)
    counted = [(lag(acknowledged, end), lag(sent, end)) for acknowledged, sent in clients]
    places = [end.seq - changes for pair in counted for changes in pair if changes]
    waiting = published_after(sync_conf().DATABASE, places) if places else {}
    return [
        None
        if (changes := sent if acknowledged is None else acknowledged) is None
        else Lag(
            changes,
            max(now - waiting.get(end.seq - changes, now), datetime.timedelta()),
            acknowledged is not None,
        )
        for acknowledged, sent in counted
    ]
