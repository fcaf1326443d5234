"""Pages that several clients ask for: read once, never for what anybody may hear by now."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime

import pytest

from hubproject.models import Project
from realtime import sharing
from realtime.conf import conf
from realtime.database import in_database
from realtime.gate import catchup_gate
from realtime.sharing import Asked, SharedPages, page_text
from sync.cursor import Position
from sync.models import LogHead, new_epoch
from sync.publishing import publish
from sync.retention import prune
from tests.support.off_loop import off_loop

SECONDS = 20
EVERYONE = frozenset(["everyone"])


@pytest.fixture
def readings(transactional_db, monkeypatch):
    """Counts the readings, and stops each before it begins while a test keeps the gate closed."""

    class Readings:
        def __init__(self):
            self.count = 0
            self.may_pass = asyncio.Event()
            self.may_pass.set()
            self.begun = asyncio.Event()
            self.error = None

        async def in_database(self, function, *args):
            self.count += 1
            self.begun.set()
            await self.may_pass.wait()
            if self.error is not None:
                raise self.error
            return await in_database(function, *args)

    readings = Readings()
    monkeypatch.setattr(sharing, "in_database", readings.in_database)
    return readings


async def asked(start=None, **fields):
    upto = await off_loop(publish)
    given = Asked(start, EVERYONE, EVERYONE, None, None, upto, with_cursor=True)
    return dataclasses.replace(given, **fields)


async def create(*names):
    for name in names:
        await off_loop(Project.objects.create, name=name)


async def until(predicate):
    async with asyncio.timeout(SECONDS):
        while not predicate():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)


async def test_those_who_ask_for_the_same_at_once_share_one_reading(readings):
    pages, same = SharedPages(), await asked()
    readings.may_pass.clear()
    waiting = [asyncio.create_task(pages.read(same)) for _ in range(20)]
    await asyncio.wait_for(readings.begun.wait(), SECONDS)
    readings.may_pass.set()
    found = await asyncio.gather(*waiting)
    assert readings.count == 1
    assert all(one is found[0] for one in found)


async def test_who_asks_a_moment_later_gets_the_page_that_was_read(readings):
    pages, same = SharedPages(), await asked()
    assert await pages.read(same) is await pages.read(same)
    assert readings.count == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"start": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)},
        {"audiences": frozenset(["team:1"])},
        {"heard": frozenset(["everyone", "team:1"])},
        {"tables": frozenset(["tasks"])},
        {"limit": 7},
        {"with_cursor": False},
    ],
)
async def test_who_asks_for_anything_else_gets_a_reading_of_its_own(readings, fields):
    pages, one = SharedPages(), await asked()
    await asyncio.gather(pages.read(one), pages.read(dataclasses.replace(one, **fields)))
    assert readings.count == 2


async def test_what_was_committed_before_the_asking_is_in_the_page(readings):
    pages = SharedPages()
    await create("first")
    await pages.read(await asked())
    await create("second")
    page = await pages.read(await asked())
    assert (readings.count, page.count) == (2, 2)


async def test_a_page_of_another_epoch_is_not_taken_for_the_same(readings):
    pages = SharedPages()
    await create("first")
    before = await asked()
    old = await pages.read(before)
    await off_loop(LogHead.objects.update, epoch=new_epoch())
    after = await asked()
    new = await pages.read(after)
    assert after.upto.seq == before.upto.seq
    assert (readings.count, new.position.epoch) == (2, after.upto.epoch)
    assert old.position.epoch != new.position.epoch


async def test_an_error_of_the_reading_is_everybodys_and_is_not_kept(readings):
    pages, same = SharedPages(), await asked()
    readings.may_pass.clear()
    readings.error = OSError("the database is down")
    waiting = [asyncio.create_task(pages.read(same)) for _ in range(3)]
    await asyncio.wait_for(readings.begun.wait(), SECONDS)
    readings.may_pass.set()
    failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in failed] == [OSError] * 3
    readings.error = None
    assert (await pages.read(same)).count == 0
    assert readings.count == 2


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_who_gives_up_takes_nobody_else_down(readings, who):
    pages, same = SharedPages(), await asked()
    readings.may_pass.clear()
    waiting = [asyncio.create_task(pages.read(same)) for _ in range(3)]
    await asyncio.wait_for(readings.begun.wait(), SECONDS)
    waiting.pop(who).cancel()
    await asyncio.sleep(0)
    readings.may_pass.set()
    assert [page.count for page in await asyncio.gather(*waiting)] == [0, 0]
    assert readings.count == 1


async def test_a_reading_that_waits_for_its_turn_is_dropped_when_nobody_wants_it(
    readings, settings
):
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    readings.may_pass.clear()
    pages, one = SharedPages(), await asked()
    other = dataclasses.replace(one, limit=7)
    first = asyncio.create_task(pages.read(one))
    await asyncio.wait_for(readings.begun.wait(), SECONDS)
    unwanted = [asyncio.create_task(pages.read(other)) for _ in range(2)]
    await until(lambda: catchup_gate().waiting)
    for task in unwanted:
        task.cancel()
    await until(lambda: not catchup_gate().waiting)
    readings.may_pass.set()
    await first
    assert readings.count == 1
    await pages.read(other)
    assert readings.count == 2


async def test_who_comes_after_all_others_gave_up_gets_a_reading_of_its_own(readings):
    pages, same = SharedPages(), await asked()
    readings.may_pass.clear()
    gone = asyncio.create_task(pages.read(same))
    await asyncio.wait_for(readings.begun.wait(), SECONDS)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    stays = asyncio.create_task(pages.read(same))
    readings.may_pass.set()
    assert (await stays).count == 0
    assert readings.count == 2


async def test_kept_pages_take_no_more_memory_than_is_allowed(readings, settings):
    pages, one = SharedPages(), await asked()
    size = (await pages.read(one)).memory
    settings.REALTIME = {"SHARED_PAGES_BYTES": 3 * size}
    for limit in range(1, 10):
        await pages.read(dataclasses.replace(one, limit=limit))
        assert pages.kept_bytes <= 3 * size
    readings.count = 0
    await pages.read(dataclasses.replace(one, limit=9))
    await pages.read(dataclasses.replace(one, limit=1))
    assert readings.count == 1


@pytest.mark.parametrize("name", ["SHARED_PAGES_BYTES", "SHARED_PAGES_TIME"])
async def test_a_host_may_have_none_kept(readings, settings, name):
    settings.REALTIME = {name: 0}
    pages, same = SharedPages(), await asked()
    await pages.read(same)
    await pages.read(same)
    assert (readings.count, pages.kept_bytes) == (2, 0)


async def test_a_page_is_kept_for_as_long_as_is_said(readings, settings, monkeypatch):
    ends, loop = [], asyncio.get_running_loop()
    call_later = loop.call_later

    def noted(delay, callback, *args):
        if getattr(callback, "__self__", None) is not pages:
            return call_later(delay, callback, *args)
        ends.append((delay, callback, args))

    pages, same = SharedPages(), await asked()
    monkeypatch.setattr(loop, "call_later", noted)
    await pages.read(same)
    [(delay, callback, args)] = ends
    assert delay == conf().SHARED_PAGES_TIME
    callback(*args)
    assert pages.kept_bytes == 0
    await pages.read(same)
    assert readings.count == 2


async def test_a_kept_page_that_a_prune_has_overtaken_still_leads_to_the_database(readings):
    """It holds what the prune has removed since, and its cursor is looked at by the next page."""
    pages = SharedPages()
    await create(*"abcd")
    start = await off_loop(publish)
    await off_loop(Project.objects.filter(name="a").delete)
    await create("e", "f")
    behind = await asked(Position.parse(start.cursor), limit=1)
    await pages.read(behind)

    def forget():
        Project.objects.filter(name="b").delete()
        publish()
        list(prune(older_than=datetime.timedelta()))

    await off_loop(forget)
    page = await pages.read(behind)
    assert readings.count == 1
    assert '"action":"delete"' in page.changes
    following = await pages.read(await asked(Position.parse(page.position.cursor)))
    assert following.reset, "the log has forgotten a delete that comes after the page"


async def test_the_text_is_composed_where_the_page_is_read(transactional_db):
    await create("first")
    page = await in_database(page_text, await asked())
    assert (page.count, '"first"' in page.changes) == (1, True)
