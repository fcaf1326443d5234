"""Pages for a crowd: shared by whoever shares the audiences that have news, and never another page
than the one that was asked for."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import itertools

import pytest

from realtime import narrowing, sharing
from realtime.database import in_database
from realtime.gate import catchup_gate
from realtime.narrowing import CROWD
from realtime.sharing import Asked, SharedPages, page_text
from sync.cursor import Position
from sync.newest import audiences_with_news
from sync.publishing import publish
from sync.retention import prune
from tests.support.off_loop import off_loop
from tests.testapp.models import Memo, Team

SECONDS = 20

OTHERS = 100
"""The limits from which on a page is one that others wait for."""


class Crowd:
    """Pages that are asked for while a crowd waits for others; one is read at a time."""

    def __init__(self, monkeypatch):
        self.pages = SharedPages()
        self.read: list[Asked] = []
        self.looks: list[tuple[int, int]] = []
        self.error: Exception | None = None
        monkeypatch.setattr(sharing, "in_database", self._reading)
        monkeypatch.setattr(narrowing, "in_database", self._looking)

    async def ask(self, *asked):
        """Return the pages, all asked for while the gate is closed and others wait at it."""
        gate, may_pass = catchup_gate(), asyncio.Event()
        closed = asyncio.create_task(gate.run(may_pass.wait))
        some = dataclasses.replace(asked[0], start=None)
        others = [dataclasses.replace(some, limit=n + OTHERS) for n in range(CROWD)]
        waiting = [asyncio.create_task(self.pages.read(one)) for one in (*others, *asked)]
        async with asyncio.timeout(SECONDS):
            while gate.waiting < CROWD:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0)
            may_pass.set()
            await closed
            return (await asyncio.gather(*waiting))[CROWD:]

    async def _reading(self, function, asked):
        if asked.limit is None or asked.limit < OTHERS:
            self.read.append(asked)
        return await in_database(function, asked)

    async def _looking(self, function, *args):
        self.looks.append(args)
        if self.error is not None:
            raise self.error
        return await in_database(function, *args)


@pytest.fixture
async def crowd(transactional_db, settings, monkeypatch):
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    return Crowd(monkeypatch)


@pytest.fixture
def teams(transactional_db):
    return [Team.objects.create(name=name) for name in ("red", "green", "blue")]


def asked(start, *audiences, **fields):
    names = frozenset(audiences)
    given = {"heard": names, "tables": None, "limit": None, "upto": publish(), "with_cursor": True}
    return Asked(start, names, **(given | fields))


def team(one):
    return f"team:{one.pk}"


def write(red, green):
    """Give the teams news that leave each of them something: inserts, a move, a delete."""
    moved, gone, _ = (Memo.objects.create(team=red, text=text) for text in "abc")
    start = publish()
    moved.team = green
    moved.save()
    gone.delete()
    Memo.objects.create(team=green, text="d")
    Memo.objects.create(team=green, text="e")
    return start


@pytest.fixture
def begun(teams):
    """The place in the log before the news of two of the three teams."""
    return write(*teams[:2])


async def test_those_who_share_the_audiences_with_news_share_the_page(crowd, teams, begun):
    red, green, blue = map(team, teams)
    asked_for = [
        await off_loop(lambda also=also: asked(begun, green, blue, also))
        for also in ("user:1", "user:2", "user:3")
    ]
    pages = await crowd.ask(*asked_for)
    assert pages[0] is pages[1] is pages[2]
    assert [one.audiences for one in crowd.read] == [{green}]
    assert len(crowd.looks) == 1
    assert pages[0].count == 3


async def test_those_without_news_share_the_page_that_says_so(crowd, teams, begun):
    asked_for = [await off_loop(lambda n=n: asked(begun, f"user:{n}")) for n in range(5)]
    pages = await crowd.ask(*asked_for)
    assert {id(page) for page in pages} == {id(pages[0])}
    assert (pages[0].count, pages[0].has_more, pages[0].reset) == (0, False, False)
    assert pages[0].position == asked_for[0].upto


async def test_where_no_crowd_waits_a_page_is_read_as_it_is_asked_for(crowd, teams, begun):
    one = await off_loop(lambda: asked(begun, team(teams[1]), "user:1"))
    await crowd.pages.read(one)
    assert (crowd.read, crowd.looks) == ([one], [])


async def test_places_near_each_other_are_told_by_one_look(crowd, teams, begun):
    later = await off_loop(publish)
    near = [await off_loop(lambda at=at: asked(at, team(teams[1]))) for at in (begun, later)]
    await crowd.ask(*near)
    assert len(crowd.looks) == 1


async def test_a_log_that_has_gone_on_is_looked_through_anew(crowd, teams, begun):
    blue = team(teams[2])
    (before,) = await crowd.ask(await off_loop(lambda: asked(begun, blue)))
    await off_loop(lambda: Memo.objects.create(team=teams[2], text="f"))
    (after,) = await crowd.ask(await off_loop(lambda: asked(begun, blue)))
    assert (before.count, after.count) == (0, 1)
    assert len(crowd.looks) == 2


async def test_who_asks_up_to_an_earlier_place_is_told_by_the_look_that_went_beyond(
    crowd, teams, begun
):
    earlier = await off_loop(lambda: asked(begun, team(teams[1]), "user:1"))
    await off_loop(lambda: Memo.objects.create(team=teams[2], text="f"))
    later = await off_loop(lambda: asked(begun, team(teams[1]), "user:2"))
    pages = await crowd.ask(later, earlier, later)
    assert len(crowd.looks) == 1
    assert [page.count for page in pages] == [3, 3, 3]
    assert [page.position for page in pages] == [later.upto, earlier.upto, later.upto]


async def test_a_page_that_starts_anew_holds_what_has_no_news_as_well(crowd, teams, begun):
    red, green, blue = map(team, teams)

    def forget():
        Memo.objects.create(team=teams[2], text="before")
        start = publish()
        Memo.objects.filter(team=teams[1]).delete()
        Memo.objects.create(team=teams[0], text="after")
        publish()
        list(prune(older_than=datetime.timedelta()))
        return asked(start, red, blue)

    (page,) = await crowd.ask(await off_loop(forget))
    assert page.reset
    assert '"before"' in page.changes
    assert '"after"' in page.changes
    assert len(crowd.looks) == 1


async def test_a_look_that_fails_leaves_the_page_as_it_was_asked_for(crowd, teams, begun):
    crowd.error = OSError("the database is down")
    one = await off_loop(lambda: asked(begun, team(teams[1]), "user:1"))
    (page,) = await crowd.ask(one)
    assert (crowd.read, page.count) == ([one], 3)
    crowd.error = None
    other = await off_loop(lambda: asked(begun, team(teams[1]), "user:2"))
    await crowd.ask(other)
    assert len(crowd.looks) == 2


@pytest.mark.parametrize(
    ("start", "fields", "settings_given"),
    [
        (lambda begun: None, {}, {}),
        (lambda begun: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), {}, {}),
        (lambda begun: Position("00000000", begun.seq), {}, {}),
        (lambda begun: begun, {"heard": frozenset(["user:1", "user:2"])}, {}),
        (lambda begun: begun, {"with_cursor": False}, {}),
        (lambda begun: begun, {}, {"MAX_STRETCH": 3}),
        (lambda begun: begun, {}, {"MAX_STRETCH": 0}),
    ],
    ids=[
        "snapshot",
        "time",
        "another epoch",
        "a part of what is held",
        "what is sent under names",
        "too long",
        "none",
    ],
)
async def test_what_no_look_can_tell_is_read_as_it_is_asked_for(
    crowd, teams, begun, settings, start, fields, settings_given
):
    settings.REALTIME = settings.REALTIME | settings_given
    one = await off_loop(lambda: asked(start(begun), "user:1", **fields))
    await crowd.ask(one)
    assert (crowd.read[0], crowd.looks) == (one, [])


def test_no_page_differs_from_the_one_that_was_asked_for(teams):
    start = publish().seq
    for _ in range(3):
        write(*teams[:2])
        write(teams[1], teams[2])
    end = publish()
    every = [team(one) for one in teams]
    for after, limit in itertools.product(range(start, end.seq + 1), (1, 3, None)):
        news = audiences_with_news(after - after % 5, end.seq)
        for size in range(len(every) + 1):
            for names in itertools.combinations(every, size):
                at = Position(end.epoch, after, seen=end.seq, tag=end.tag)
                one = asked(at, *names, limit=limit)
                some = asked(at, *(news & set(names)), limit=limit)
                assert page_text(some) == page_text(one)
