"""Writers in threads of their own, each with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def with_own_connection(work: Callable[[], Result]) -> Result:
    """Do the work and close this thread's connections, which no later thread could."""
    try:
        return work()
    finally:
        connections.close_all()


def in_threads(*works: Callable[[], Result]) -> list[Result]:
    """Do all the work at the same time; returns the results in order or raises the first error."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        futures = [pool.submit(with_own_connection, work) for work in works]
    return [future.result() for future in futures]
