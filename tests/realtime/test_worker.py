"""One job at a time, in order, and not too many."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from realtime.errors import RateLimited
from realtime.worker import Worker


@pytest_asyncio.fixture
async def worker():
    worker = Worker()
    yield worker
    await worker.stop()


class Jobs:
    """Jobs that say when they begin and end, and end when they may."""

    def __init__(self) -> None:
        self.books: list[str] = []
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    def job(self, name: str):
        async def run() -> None:
            self.books.append(f"{name} begins")
            self.has_begun.set()
            try:
                await self.may_end.wait()
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.books.append(f"{name} is cancelled")
                raise
            self.books.append(f"{name} ends")

        return run


async def until(worker: Worker) -> None:
    """Wait for everything queued so far."""
    done = asyncio.Event()

    async def tell() -> None:
        done.set()

    worker.queue(tell)
    await asyncio.wait_for(done.wait(), 20)


async def begun(jobs: Jobs) -> None:
    await asyncio.wait_for(jobs.has_begun.wait(), 20)


async def test_jobs_run_one_after_the_other_in_the_order_given(worker):
    jobs = Jobs()
    for name in "abc":
        worker.ask(jobs.job(name))
    await begun(jobs)
    assert jobs.books == ["a begins"]
    jobs.may_end.set()
    await until(worker)
    assert jobs.books == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_asking_does_not_run_the_job_before_it_returns(worker):
    jobs = Jobs()
    worker.ask(jobs.job("a"))
    assert jobs.books == []


async def test_a_client_that_asks_for_too_much_is_told_so_and_what_waits_is_still_done(
    worker, settings
):
    settings.REALTIME = {"MAX_WAITING_REQUESTS": 2}
    jobs = Jobs()
    worker.ask(jobs.job("running"))
    await begun(jobs)
    worker.ask(jobs.job("a"))
    worker.ask(jobs.job("b"))
    with pytest.raises(RateLimited) as raised:
        worker.ask(jobs.job("c"))
    assert raised.value.retryable
    jobs.may_end.set()
    await until(worker)
    assert [line for line in jobs.books if line.endswith("ends")] == [
        "running ends",
        "a ends",
        "b ends",
    ]
    worker.ask(jobs.job("c"))
    await until(worker)
    assert jobs.books[-1] == "c ends"


async def test_what_the_hub_has_to_do_is_never_refused(worker, settings):
    settings.REALTIME = {"MAX_WAITING_REQUESTS": 0}
    jobs = Jobs()
    jobs.may_end.set()
    worker.queue(jobs.job("drain"))
    await until(worker)
    assert jobs.books == ["drain begins", "drain ends"]


async def test_stopping_ends_what_runs_and_drops_what_waits(worker):
    jobs = Jobs()
    worker.ask(jobs.job("a"))
    worker.ask(jobs.job("b"))
    await begun(jobs)
    await worker.stop()
    jobs.may_end.set()
    await asyncio.sleep(0)
    assert jobs.books == ["a begins", "a is cancelled"]


async def test_a_worker_is_idle_only_while_no_job_runs_or_waits(worker):
    jobs = Jobs()
    assert worker.is_idle
    worker.ask(jobs.job("a"))
    assert not worker.is_idle
    await begun(jobs)
    assert not worker.is_idle
    jobs.may_end.set()
    await until(worker)
    await asyncio.sleep(0)
    assert worker.is_idle


async def test_a_worker_without_work_has_no_task_and_stops(worker):
    before = asyncio.all_tasks()
    await worker.stop()
    assert asyncio.all_tasks() == before
