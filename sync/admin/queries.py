"""Keeps code of the host from asking the database row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections


class QueryRefused(Exception):
    """A query was not executed, for there were enough."""


@contextmanager
def at_most(count: int) -> Iterator[None]:
    """Refuse every query of this thread beyond so many, on whatever database.

    What is refused never reaches the database, so that a transaction around it is unharmed.
    """
    left = count

    def counting(execute: Callable[..., Any], *query: Any) -> Any:
        nonlocal left
        if left <= 0:
            raise QueryRefused
        left -= 1
        return execute(*query)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(counting))
        yield
