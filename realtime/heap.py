"""Keeping what a process has loaded out of the way of its garbage collector."""

from __future__ import annotations

import functools
import gc

from realtime.conf import conf


def freeze() -> None:
    """Take everything that exists now out of later garbage collections, once in a process.

    A full collection looks at each object of Django and of the host, a hundred thousand and more,
    on the thread that clients are written to, and none of them hears anything meanwhile. What
    counts references still frees what is frozen; only cycles that are given up later stay.
    """
    if conf().FREEZE_HEAP:
        _freeze()


@functools.cache
def _freeze() -> None:
    gc.collect()  # what is garbage now would otherwise stay for good
    gc.freeze()
