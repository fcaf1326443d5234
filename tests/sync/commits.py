"""Commits within one test that are all undone: a property test needs each example to begin alike,
and publishing numbers nothing inside a transaction of the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction


class _Undone(Exception):
    """Rolls back the block it is raised in."""


@contextmanager
def undone_commits() -> Iterator[Callable[[], None]]:
    """Give a function that makes what was written so far a transaction of its own; after the block
    nothing of it was ever written."""
    block = transaction.atomic()
    block._from_testcase = True  # as that of a `TestCase`, which is not the host's
    try:
        with block:
            # What ends with a commit is what knows the id of a transaction.
            yield connection.run_on_commit.clear
            raise _Undone
    except _Undone:
        pass
