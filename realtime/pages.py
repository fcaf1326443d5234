"""Reading pages of the log for connections: in turn with the others, and at their expense."""

from __future__ import annotations

import functools
from typing import Any

from realtime.connection import Connection
from realtime.database import in_database
from realtime.gate import catchup_gate
from sync.reading import Page, changes_since


async def read_page(connection: Connection, start: Any, audiences: Any, **options: Any) -> Page:
    """Return what `changes_since` does, when the connection's turn has come, and charge it."""
    work = functools.partial(in_database, changes_since, start, audiences, **options)
    page = await catchup_gate().run(work)
    connection.budget.charge(len(page.changes))
    return page
