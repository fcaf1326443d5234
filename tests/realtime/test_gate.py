"""Pages are read in turn, so many at once, and no place is lost whatever happens to a reader."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime.gate import Gate, catchup_gate

PLACES = 3


class Work:
    """A piece of work that begins when its turn has come and ends when it is told to."""

    def __init__(self) -> None:
        self.has_begun = False
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.caller: asyncio.Task[str]

    async def __call__(self) -> str:
        self.has_begun = True
        return await self.outcome


def asked_of(gate: Gate) -> Work:
    work = Work()
    work.caller = asyncio.create_task(gate.run(work))
    return work


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Gates(RuleBasedStateMachine):
    """Readers come, wait, give up, read, fail and vanish, against a list of who came when."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.gate = self.within(self._gate)
        self.running: list[Work] = []
        self.waiting: list[Work] = []

    async def _gate(self) -> Gate:
        return Gate(PLACES)

    def within(self, step, *args):
        async def run():
            found = await step(*args)
            await settled()
            return found

        return self.runner.run(run())

    def move_up(self) -> None:
        while self.waiting and len(self.running) < PLACES:
            self.running.append(self.waiting.pop(0))

    @rule()
    def somebody_comes(self):
        async def come():
            return asked_of(self.gate)

        self.waiting.append(self.within(come))
        self.move_up()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fails=st.booleans())
    def a_reading_ends(self, data, fails):
        async def end():
            if fails:
                work.outcome.set_exception(OSError("the database is down"))
            else:
                work.outcome.set_result("a page")

        work = data.draw(st.sampled_from(self.running))
        self.within(end)
        self.running.remove(work)
        self.move_up()
        if work.caller.cancelled():
            return
        if fails:
            assert isinstance(work.caller.exception(), OSError)
        else:
            assert work.caller.result() == "a page"

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def somebody_who_waits_gives_up(self, data):
        async def give_up():
            work.caller.cancel()

        work = data.draw(st.sampled_from(self.waiting))
        self.within(give_up)
        assert work.caller.cancelled()
        self.waiting.remove(work)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_client_vanishes_while_its_page_is_read(self, data):
        async def vanish():
            work.caller.cancel()

        work = data.draw(st.sampled_from(self.running))
        self.within(vanish)
        assert work.caller.cancelled()

    @precondition(lambda self: self.running and self.waiting)
    @rule(data=st.data(), steps=st.integers(0, 5))
    def a_reading_ends_just_as_who_is_next_gives_up(self, data, steps):
        async def both():
            work.outcome.set_result("a page")
            for _ in range(steps):  # until the place has been handed on, or not yet
                await asyncio.sleep(0)
            following.caller.cancel()

        work = data.draw(st.sampled_from(self.running))
        following = self.waiting[0]
        self.within(both)
        self.running.remove(work)
        self.waiting.remove(following)
        if following.has_begun:  # its thread goes on, so it keeps the place until that ends
            self.running.append(following)
        self.move_up()

    @invariant()
    def just_those_run_whose_turn_it_is(self):
        assert all(work.has_begun for work in self.running)
        assert not any(work.has_begun for work in self.waiting)
        assert (self.gate.running, self.gate.waiting) == (len(self.running), len(self.waiting))
        assert self.gate.running <= PLACES

    def teardown(self):
        """Whatever happened, every place can be taken again."""
        while self.running:
            self.within(self._end, self.running.pop())
            self.move_up()
        for _ in range(PLACES):
            self.somebody_comes()
        self.just_those_run_whose_turn_it_is()
        for work in self.running:
            self.within(self._end, work)
        self.runner.close()

    async def _end(self, work: Work) -> None:
        work.outcome.set_result("a page")


TestGates = Gates.TestCase
TestGates.settings = hypothesis_settings(max_examples=100, stateful_step_count=30, deadline=None)


async def test_connections_take_turns_page_by_page():
    gate, read = Gate(1), []

    async def client(name, pages):
        for _ in range(pages):
            await gate.run(lambda: page(name))

    async def page(name):
        read.append(name)
        await asyncio.sleep(0)

    await asyncio.gather(client("storm", 4), client("a", 1), client("b", 2))
    assert read == ["storm", "a", "b", "storm", "b", "storm", "storm"]


async def test_what_a_vanished_client_left_behind_fails_without_a_word(caplog):
    gate = Gate(1)
    work = asked_of(gate)
    await settled()
    work.caller.cancel()
    await settled()
    work.outcome.set_exception(OSError("the database is down"))
    await settled()
    del work
    assert gate.running == 0
    assert caplog.text == ""


async def test_a_loop_has_one_gate_while_anything_waits_or_runs(settings):
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    gate = catchup_gate()
    first, second = asked_of(gate), asked_of(gate)
    await settled()
    assert catchup_gate() is gate
    assert (first.has_begun, second.has_begun) == (True, False)
    for work in (first, second):
        work.outcome.set_result("a page")
    assert await asyncio.gather(first.caller, second.caller) == ["a page"] * 2


def test_a_loop_that_has_ended_leaves_no_gate_behind():
    from realtime.gate import _gates

    async def read():
        work = asked_of(catchup_gate())
        await settled()
        work.outcome.set_result("a page")
        await work.caller

    before = len(_gates)
    asyncio.run(read())
    assert len(_gates) <= before


@pytest.mark.parametrize("places", [1, 2, 5])
async def test_no_more_run_at_once_than_there_are_places(places):
    gate = Gate(places)
    works = [asked_of(gate) for _ in range(10)]
    await settled()
    assert [work.has_begun for work in works] == [True] * places + [False] * (10 - places)
    for work in works:
        work.outcome.set_result("a page")
    await asyncio.gather(*(work.caller for work in works))
