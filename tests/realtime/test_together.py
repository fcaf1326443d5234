"""Questions of many, answered by one call: whoever asks gets the own answer, and soon."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import DataError, OperationalError

from realtime import together as together_module
from realtime.errors import Gone
from realtime.together import MOST, Gathering, together
from tests.support.off_loop import eventually

SECONDS = 20


class Clerk:
    """Doubles numbers, as many as are asked at once, when it may."""

    def __init__(self, *, is_open=True):
        self.calls = []
        self.may_answer = threading.Event()
        if is_open:
            self.may_answer.set()

    def answer(self, numbers):
        self.calls.append(list(numbers))
        assert self.may_answer.wait(SECONDS)
        return [self.double(number) for number in numbers]

    def double(self, number):
        return ValueError(f"{number} is odd") if number % 2 else number * 2


class Stumbling(Clerk):
    """Fails for all where one of them is bad."""

    error: Exception = DataError("bad")

    def double(self, number):
        if number == 13:
            raise self.error
        return number * 2


class Unreachable(Stumbling):
    error = OperationalError("no connection")


async def ask_all(clerk, numbers):
    return await asyncio.gather(
        *(together(clerk.answer, number) for number in numbers), return_exceptions=True
    )


@pytest.fixture
def one_at_a_time(settings):
    settings.REALTIME = {"DATABASE_THREADS": 2}


@pytest.mark.usefixtures("one_at_a_time")
async def test_who_asks_again_at_once_is_answered():
    """The call that answered has found nothing more to do by then, but has not ended."""
    clerk = Clerk()
    async with asyncio.timeout(SECONDS):
        assert [await together(clerk.answer, number) for number in (2, 4, 6)] == [4, 8, 12]


async def test_each_gets_its_own_answer_or_error():
    found = await ask_all(Clerk(), range(6))
    assert found[::2] == [0, 4, 8]
    assert [str(error) for error in found[1::2]] == ["1 is odd", "3 is odd", "5 is odd"]


async def test_an_error_that_no_future_holds_is_told_and_the_others_get_their_answers():
    """asyncio refuses a StopIteration; those after it would wait for ever."""

    def answer(numbers):
        return [StopIteration() if number == 2 else number * 2 for number in numbers]

    async with asyncio.timeout(SECONDS):
        found = await asyncio.gather(
            *(together(answer, number) for number in (1, 2, 3)), return_exceptions=True
        )
    assert (found[0], found[2]) == (2, 6)
    assert isinstance(found[1], RuntimeError)
    assert isinstance(found[1].__cause__, StopIteration)


async def test_who_asks_alone_does_not_wait_for_company():
    clerk = Clerk()
    assert await together(clerk.answer, 2) == 4
    assert clerk.calls == [[2]]


async def test_what_is_asked_during_a_call_is_answered_by_one_more(one_at_a_time):
    clerk = Clerk(is_open=False)
    first = asyncio.create_task(together(clerk.answer, 2))
    await eventually(lambda: clerk.calls)
    others = [asyncio.create_task(together(clerk.answer, number)) for number in (4, 6, 8)]
    await asyncio.sleep(0)
    clerk.may_answer.set()
    assert await asyncio.gather(first, *others) == [4, 8, 12, 16]
    assert clerk.calls == [[2], [4, 6, 8]]


async def test_what_is_asked_on_an_answer_is_not_left_to_a_call_that_ends(one_at_a_time):
    clerk = Clerk()
    async with asyncio.timeout(SECONDS):
        assert [await together(clerk.answer, number) for number in (2, 4, 6)] == [4, 8, 12]


async def test_a_call_answers_no_more_than_so_many(one_at_a_time):
    clerk = Clerk()
    numbers = range(0, 2 * (MOST + 10), 2)
    assert await ask_all(clerk, numbers) == [number * 2 for number in numbers]
    assert [len(call) for call in clerk.calls] == [MOST, 10]


async def test_a_question_that_makes_all_fail_fails_alone(one_at_a_time):
    clerk = Stumbling()
    found = await ask_all(clerk, [2, 13, 4])
    assert (found[0], type(found[1]), found[2]) == (4, DataError, 8)
    assert clerk.calls == [[2, 13, 4], [2], [13], [4]]


async def test_a_database_that_cannot_be_reached_is_asked_once(one_at_a_time):
    clerk = Unreachable()
    found = await ask_all(clerk, [2, 13, 4])
    assert [type(error) for error in found] == [OperationalError] * 3
    assert clerk.calls == [[2, 13, 4]]


async def test_who_has_gone_is_not_asked_for(one_at_a_time):
    clerk = Clerk(is_open=False)
    first = asyncio.create_task(together(clerk.answer, 2))
    await eventually(lambda: clerk.calls)
    gone, kept = (asyncio.create_task(together(clerk.answer, number)) for number in (4, 6))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    await asyncio.gather(first, gone, return_exceptions=True)
    clerk.may_answer.set()
    assert await kept == 12
    assert clerk.calls == [[2], [6]]


async def test_an_answer_that_nobody_wants_when_its_turn_comes_is_not_looked_for(one_at_a_time):
    clerk, is_wanted = Clerk(is_open=False), True
    first = asyncio.create_task(together(clerk.answer, 2))
    await eventually(lambda: clerk.calls)
    given_up = asyncio.create_task(together(clerk.answer, 4, lambda: is_wanted))
    kept = asyncio.create_task(together(clerk.answer, 6, lambda: True))
    await asyncio.sleep(0)
    is_wanted = False
    clerk.may_answer.set()
    assert await asyncio.gather(first, kept) == [4, 12]
    with pytest.raises(Gone):
        await given_up
    assert clerk.calls == [[2], [6]]


async def test_fewer_are_asked_at_once_while_the_answers_take_long(one_at_a_time, monkeypatch):
    """All of a call wait for the last of it: a host that is slow must not be slow for all."""
    clerk = Clerk()
    gathering = Gathering(clerk.answer, lambda: None)
    monkeypatch.setattr(together_module, "LONG", -1.0)
    await asyncio.gather(*(gathering.ask(number) for number in range(0, 400, 2)))
    assert [len(call) for call in clerk.calls][:3] == [100, 50, 25]
    assert gathering.most == 1
    clerk.calls.clear()
    monkeypatch.setattr(together_module, "LONG", SECONDS)
    await asyncio.gather(*(gathering.ask(number) for number in range(0, 200, 2)))
    assert [len(call) for call in clerk.calls][:3] == [1, 2, 4]


async def test_a_slow_call_leaves_threads_to_the_others(settings):
    settings.REALTIME = {"DATABASE_THREADS": 4}
    slow, quick = Clerk(is_open=False), Clerk()
    waiting = [asyncio.create_task(together(slow.answer, number)) for number in (2, 4)]
    await eventually(lambda: slow.calls)
    waiting += [asyncio.create_task(together(slow.answer, number)) for number in (6, 8)]
    assert await together(quick.answer, 10) == 20
    slow.may_answer.set()
    assert await asyncio.gather(*waiting) == [4, 8, 12, 16]


async def test_nothing_is_kept_when_nobody_asks():
    clerk = Clerk()
    await together(clerk.answer, 2)
    await asyncio.sleep(0)
    assert not together_module._gatherings.get(asyncio.get_running_loop())
