"""Telling every process that a user's rights may have changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from django.db import router, transaction

from realtime.announcer import ring

logger = logging.getLogger(__name__)


def refresh(*users: Any) -> None:
    """Have the rights of users, given as instances or primary keys, looked up again, everywhere.

    Call it in the transaction that changes them. Then no connection of these users hears of a
    change that was committed later before its rights were looked up; where a right is lost, its
    client is told to forget what it held by it, and a connection without any right is closed.
    Needs no channel layer: without one, other processes hear of it within a `TICK`. Never waits for
    a client. Callable from any thread; on an event loop the looking up begins on another thread.
    """
    ids = [str(getattr(user, "pk", user)) for user in users]
    if _is_on_an_event_loop():
        from realtime.database import executor

        executor().submit(_write_and_close, ids)
    else:
        _write(ids)


def _write(ids: Iterable[str]) -> None:
    from realtime.models import Notice

    Notice.objects.bulk_create([Notice(user_id=user_id) for user_id in ids])
    transaction.on_commit(ring, using=router.db_for_write(Notice), robust=True)


def _write_and_close(ids: list[str]) -> None:
    from django.db import close_old_connections

    close_old_connections()
    try:
        _write(ids)
    except Exception:  # nobody waits for it
        logger.exception("Nobody was told that rights of %s may have changed.", ", ".join(ids))
    finally:
        close_old_connections()


def _is_on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
