"""Rights that many connections wait for are looked up together, and never before they asked."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth import get_user_model
from django.db import connection as db_connection
from django.test.utils import CaptureQueriesContext

from hubproject.models import Project
from realtime import confirming, rights, sharing
from realtime.access import Access
from realtime.catchup import resume
from realtime.confirming import BATCH, Confirmations
from realtime.connection import Connection
from realtime.database import in_database
from realtime.device_grants import device_grant
from realtime.devices import create_device
from realtime.errors import Revoked
from realtime.gate import catchup_gate
from realtime.grants import Grant
from tests.realtime.doubles import RecordingTransport, grant_of
from tests.support.off_loop import off_loop

SECONDS = 20


@pytest.fixture
def calls(transactional_db, monkeypatch):
    """Notes who is looked up by each call, and stops calls while a test keeps the gate closed."""

    class Calls(list):
        def __init__(self):
            super().__init__()
            self.may_pass = asyncio.Event()
            self.may_pass.set()
            self.begun = asyncio.Event()
            self.error = None

        async def in_database(self, function, identities):
            self.append([identity.client_id for identity in identities])
            self.begun.set()
            await self.may_pass.wait()
            if self.error is not None:
                raise self.error
            return await in_database(function, identities)

    calls = Calls()
    monkeypatch.setattr(confirming, "in_database", calls.in_database)
    return calls


@pytest.fixture
def ada(transactional_db):
    return get_user_model().objects.create(username="ada")


def identities(user, count):
    return [rights.Identity(user, str(n), frozenset(), grant_of(user)) for n in range(count)]


async def begun(calls, count):
    async with asyncio.timeout(SECONDS):
        while len(calls) < count:
            calls.begun.clear()
            await calls.begun.wait()


async def test_those_who_ask_at_once_are_looked_up_by_one_call(calls, ada):
    found = await asyncio.gather(*map(Confirmations().confirm, identities(ada, BATCH)))
    assert calls == [[str(n) for n in range(BATCH)]]
    assert [one.client_id for one in found] == calls[0]
    assert all("everyone" in one.audiences for one in found)


async def test_a_call_looks_up_no_more_users_than_are_good_to_wait_for(calls, transactional_db):
    def users():
        return [get_user_model().objects.create(username=str(n)) for n in range(BATCH + 1)]

    twice = 2 * [identities(user, 1)[0] for user in await off_loop(users)]
    await asyncio.gather(*map(Confirmations().confirm, twice))
    assert [len(call) for call in calls] == [2 * BATCH, 2]


async def test_a_call_looks_up_no_more_connections_than_are_good_to_wait_for(
    calls, ada, monkeypatch
):
    monkeypatch.setattr(confirming, "MOST", 5)
    await asyncio.gather(*map(Confirmations().confirm, identities(ada, 12)))
    assert [len(call) for call in calls] == [5, 5, 2]


USERS, DEVICES = 50, 10
HOST_QUERIES = 1
"""What `tests.testapp.audiences` asks of the database for one user."""


async def test_what_500_clients_cost_that_resume_at_once(running, no_tick, monkeypatch):
    def counted(function, *args):
        with CaptureQueriesContext(db_connection) as queries:
            found = function(*args)
        counts.append((function, len(queries)))
        return found

    def arrive():
        users = [get_user_model().objects.create(username=str(n)) for n in range(USERS)]
        tokens = [create_device(user, "laptop")[1] for user in users for _ in range(DEVICES)]
        Project.objects.bulk_create([Project(name=str(n)) for n in range(10)])
        return rights.identify_all([(device_grant(token), None) for token in tokens])

    async def count(function, *args):
        return await in_database(counted, function, *args)

    def connected(identity):
        connection = Connection(RecordingTransport())
        Access(running, connection, lambda job: None)
        connection.identity, connection.audiences = identity, identity.audiences
        return connection

    start, counts = running.position, []
    connections = [connected(identity) for identity in await off_loop(arrive)]
    await running.refresh()
    for module in (sharing, confirming):
        monkeypatch.setattr(module, "in_database", count)
    for connection in connections:
        running.join(connection)
    await asyncio.gather(*(resume(running, one, start) for one in connections))
    assert all(len(one.transport.messages[0]["changes"]) == 10 for one in connections)
    assert all(one.cursor == running.position.cursor for one in connections)
    assert [function for function, _ in counts].count(sharing.page_text) == 1
    assert sum(number for _, number in counts) <= USERS * HOST_QUERIES + 10


async def test_who_asks_while_a_batch_is_looked_up_is_answered_by_the_next(calls, ada, settings):
    """What the batch has found may be from before the asking."""
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    confirmations, [one, *later] = Confirmations(), identities(ada, 4)
    calls.may_pass.clear()
    first = asyncio.create_task(confirmations.confirm(one))
    await begun(calls, 1)
    others = [asyncio.create_task(confirmations.confirm(other)) for other in later]
    await asyncio.sleep(0)
    calls.may_pass.set()
    await asyncio.gather(first, *others)
    assert calls == [["0"], ["1", "2", "3"]]


async def test_a_loss_after_the_batch_began_is_found_by_who_asks_after_the_loss(calls, ada):
    gone = asyncio.Event()

    def renew():
        if gone.is_set():
            raise Revoked("gone")
        return grant

    grant = Grant(ada, renew)
    identity = rights.Identity(ada, "a", frozenset(), grant)
    confirmations = Confirmations()
    calls.may_pass.clear()
    first = asyncio.create_task(confirmations.confirm(identity))
    await begun(calls, 1)
    gone.set()
    second = asyncio.create_task(confirmations.confirm(identity))
    calls.may_pass.set()
    await asyncio.gather(first, second)
    assert isinstance(second.result(), Revoked)


@pytest.mark.parametrize(
    ("error", "told"), [(OSError("the host is down"), "OSError"), (StopIteration(), "RuntimeError")]
)
async def test_what_goes_wrong_for_one_is_raised_for_it_alone(calls, ada, error, told):
    def fail():
        raise error

    bad = rights.Identity(ada, "bad", frozenset(), Grant(ada, fail))
    confirmations = Confirmations()
    found = await asyncio.gather(
        *map(confirmations.confirm, [bad, *identities(ada, 2)]), return_exceptions=True
    )
    assert [type(one).__name__ for one in found] == [told, "Identity", "Identity"]


async def test_a_call_that_fails_fails_for_all_who_wait_and_for_nobody_else(calls, ada):
    calls.error = OSError("the database is down")
    confirmations = Confirmations()
    found = await asyncio.gather(
        *map(confirmations.confirm, identities(ada, 3)), return_exceptions=True
    )
    assert [type(one) for one in found] == [OSError] * 3
    calls.error = None
    [one] = identities(ada, 1)
    assert (await confirmations.confirm(one)).client_id == "0"


async def test_who_has_gone_is_not_looked_up_and_takes_nobody_down(calls, ada, settings):
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    confirmations, [one, *others] = Confirmations(), identities(ada, 4)
    calls.may_pass.clear()
    first = asyncio.create_task(confirmations.confirm(one))
    await begun(calls, 1)
    waiting = [asyncio.create_task(confirmations.confirm(other)) for other in others]
    await asyncio.sleep(0)
    first.cancel()
    waiting.pop(0).cancel()
    calls.may_pass.set()
    assert [found.client_id for found in await asyncio.gather(*waiting)] == ["2", "3"]
    assert calls == [["0"], ["2", "3"]]


async def test_look_ups_go_before_pages_that_wait(calls, ada, settings):
    settings.REALTIME = {"MAX_CATCHUPS": 1}
    gate, done, may_end = catchup_gate(), [], asyncio.Event()

    async def page(name):
        await may_end.wait()
        done.append(name)

    pages = [asyncio.create_task(gate.run(lambda name=name: page(name))) for name in "ab"]
    await asyncio.sleep(0)
    [one] = identities(ada, 1)
    confirmed = asyncio.create_task(Confirmations().confirm(one))
    confirmed.add_done_callback(lambda task: done.append("rights"))
    while gate.waiting < 2:  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(*pages, confirmed)
    assert done == ["a", "rights", "b"]


async def test_what_was_committed_before_the_asking_counts(calls, ada):
    from django.contrib.auth.models import Group

    confirmations, [one] = Confirmations(), identities(ada, 1)
    assert "team:1" not in (await confirmations.confirm(one)).audiences
    group = await off_loop(Group.objects.create, name="team:1")
    await off_loop(ada.groups.add, group)
    assert "team:1" in (await confirmations.confirm(one)).audiences
