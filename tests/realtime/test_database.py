"""The hub's database work has threads of its own, few of them, and leaves no connection open."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from realtime.conf import conf
from realtime.database import in_database

SECONDS = 20

# A thread of the hub looks at the connection that its work before may have left.
pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_slow_query_does_not_stop_the_event_loop_or_the_next_query():
    may_end = threading.Event()
    slow = asyncio.create_task(in_database(may_end.wait, SECONDS))
    assert await in_database(lambda: "quick") == "quick"
    assert not slow.done()
    may_end.set()
    assert await slow is True


async def test_a_slow_query_does_not_stop_the_thread_that_the_rest_of_the_process_shares():
    may_end = threading.Event()
    slow = asyncio.create_task(in_database(may_end.wait, SECONDS))
    assert await sync_to_async(lambda: "shared thread")() == "shared thread"
    assert not slow.done()
    may_end.set()
    assert await slow is True


async def test_no_more_threads_work_than_the_settings_allow():
    allowed = conf().DATABASE_THREADS
    everyone_is_here = threading.Barrier(allowed)
    working = set()

    def work() -> None:
        everyone_is_here.wait(SECONDS)
        working.add(threading.current_thread().name)

    await asyncio.gather(*(in_database(work) for _ in range(3 * allowed)))
    assert len(working) == allowed
    assert all(name.startswith("hub-database") for name in working)


async def test_arguments_results_and_errors_pass():
    assert await in_database(divmod, 7, 2) == (3, 1)
    assert await in_database(dict, a=1) == {"a": 1}
    with pytest.raises(ZeroDivisionError):
        await in_database(divmod, 7, 0)


@pytest.mark.django_db(transaction=True)
async def test_no_connection_stays_open_in_the_hubs_threads():
    def used() -> bool:
        was_open = connection.connection is not None
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return was_open

    calls = (in_database(used) for _ in range(3 * conf().DATABASE_THREADS))
    assert not any(await asyncio.gather(*calls))
