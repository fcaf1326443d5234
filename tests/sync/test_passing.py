"""What may pass the detector: in this thread, in this task, and no longer than it was said."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async

import sync
from sync.passing import is_allowed, is_orm, unwatched, watched
from tests.support.threads import in_threads


def test_nothing_is_allowed_unless_it_is_said():
    assert not is_allowed()
    with sync.allow_raw_sql():
        assert is_allowed()
    assert not is_allowed()


def test_the_permission_nests_and_can_be_entered_again():
    permission = sync.allow_raw_sql()
    with permission, sync.allow_raw_sql():
        with permission:
            assert is_allowed()
        assert is_allowed()
    assert not is_allowed()


def test_the_permission_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), sync.allow_raw_sql():
        _ = 1 / 0
    assert not is_allowed()


def test_a_decorated_function_is_allowed_while_it_runs():
    @sync.allow_raw_sql()
    def fill(depth):
        """Fill."""
        return [is_allowed(), *(fill(depth - 1) if depth else [])]

    assert fill(2) == [True] * 3
    assert fill.__doc__ == "Fill."
    assert not is_allowed()


def test_a_decorated_coroutine_is_allowed_until_it_ends():
    @sync.allow_raw_sql()
    async def fill():
        await asyncio.sleep(0)
        return is_allowed(), await sync_to_async(is_allowed)()

    assert async_to_sync(fill)() == (True, True)
    assert not is_allowed()


def test_a_generator_cannot_be_decorated():
    def plain():
        yield

    async def asynchronous():
        yield

    for generator in (plain, asynchronous):
        with pytest.raises(TypeError, match=r"is a generator: use `with"):
            sync.allow_raw_sql()(generator)


async def test_another_task_is_not_allowed():
    entered, asked = asyncio.Event(), asyncio.Event()

    async def allowed():
        with sync.allow_raw_sql():
            entered.set()
            await asked.wait()
            return is_allowed()

    async def other():
        await entered.wait()
        try:
            return is_allowed()
        finally:
            asked.set()

    assert await asyncio.gather(allowed(), other()) == [True, False]


def test_another_thread_is_not_allowed():
    with sync.allow_raw_sql():
        assert in_threads(is_allowed, is_orm) == [False, False]


def test_code_of_the_host_is_watched_inside_a_write_and_the_write_goes_on_unwatched():
    def receiver():
        return is_orm()

    def write(*, fails=False):
        found = [is_orm(), watched(receiver), is_orm()]
        if fails:
            raise ZeroDivisionError
        return found

    assert unwatched(write) == [True, False, True]
    with pytest.raises(ZeroDivisionError):
        unwatched(write, fails=True)
    assert not is_orm()
