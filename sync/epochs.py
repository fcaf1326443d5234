"""A new epoch: the log goes on, and nobody goes on from what they held before."""

from __future__ import annotations

from django.utils import timezone

from sync.conf import conf
from sync.locking import locked_head
from sync.models import LogHead, new_epoch
from sync.publishing import RESOLUTION


def start_new_epoch(using: str | None = None) -> LogHead:
    """Give the log a new epoch and return its head.

    From then on every cursor given out before, and every time before now, is answered with a
    reset. No entry changes; what waits for its number gets one in the new epoch.
    """
    with locked_head(using or conf().DATABASE) as head:
        head.epoch = new_epoch()
        # A number without an entry. The horizon lies there, so that a client that asks by time
        # alone is reset too: the times it knows lie before every entry behind the horizon.
        head.seq += 1
        head.horizon = head.seq
        head.published_at = max(timezone.now(), head.published_at + RESOLUTION)
        head.save()
    return head
