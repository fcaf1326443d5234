"""A transaction that has written and not committed, while the test goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from django.db import transaction

from tests.support.threads import with_own_connection

SECONDS = 30


class RolledBack(Exception):
    """Raised inside the transaction to end it without a commit."""


class LateTransaction:
    """Runs `write` in a transaction of another thread, which stays open until told how to end."""

    def __init__(self, write: Callable[[], Any]) -> None:
        self._write = write
        self._written = threading.Event()
        self._told = threading.Event()
        self._commits = True
        self._last: Callable[[], Any] = lambda: None
        self._pool = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Self:
        self._done = self._pool.submit(with_own_connection, self._run)
        while not self._written.wait(0.05):
            if self._done.done():
                self._done.result()
        return self

    def __exit__(self, *exc: object) -> None:
        self.roll_back()
        self._pool.shutdown()

    def commit(self, last: Callable[[], Any] = lambda: None) -> None:
        """Do a last write and commit now; returns when it is done."""
        self._last = last
        self._told.set()
        self._done.result(SECONDS)

    def roll_back(self) -> None:
        """Undo what was written, unless it has been committed."""
        if not self._told.is_set():
            self._commits = False
            self._told.set()
        self._done.result(SECONDS)

    def _run(self) -> None:
        try:
            with transaction.atomic():
                self._write()
                self._written.set()
                assert self._told.wait(SECONDS), "nobody said how the transaction is to end"
                if not self._commits:
                    raise RolledBack
                self._last()
        except RolledBack:
            return
