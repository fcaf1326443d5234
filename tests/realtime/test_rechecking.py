"""The periodic look at rights: every connection in its turn, and no failure ends it."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError

from realtime import rechecking
from realtime.errors import Revoked
from tests.realtime.doubles import connection_of

SECONDS = 20


class Members:
    """Just the part of a relay that is looked at."""

    def __init__(self, *connections):
        self.connections = set(connections)


@pytest.fixture
def answers(monkeypatch, settings):
    """What the look-up gives for each client id; an exception is raised for a whole batch."""
    settings.REALTIME = {"RECHECK_INTERVAL": 0.01}
    given = {}

    async def in_database(function, identities):
        if "every" in given:
            raise given.pop("every")
        return [given.get(one.client_id, one) for one in identities]

    monkeypatch.setattr(rechecking, "in_database", in_database)
    return given


def watched(client_id, found):
    connection = connection_of(client_id=client_id)

    def confirmed(answer, question):
        connection.confirmed_at = asyncio.get_running_loop().time()
        found.setdefault(client_id, []).append(answer)
        if isinstance(answer, Exception):
            raise answer

    connection.on_confirmed = confirmed
    return connection


async def until(predicate, *connections):
    task = asyncio.create_task(rechecking.keep(Members(*connections)))
    try:
        async with asyncio.timeout(SECONDS):
            while not predicate():  # noqa: ASYNC110  # the loop itself is what is looked at
                await asyncio.sleep(0)
        assert not task.done()
    finally:
        task.cancel()


async def test_every_connection_is_looked_at_again_and_again(answers):
    found = {}
    connections = [watched(f"c{number}", found) for number in range(rechecking.BATCH + 1)]
    await until(lambda: len(found) > rechecking.BATCH and len(found["c0"]) > 1, *connections)


async def test_one_that_cannot_be_looked_up_or_has_ended_stops_no_other(answers, caplog):
    found = {}
    answers["broken"] = RuntimeError("out of order")
    answers["ended"] = Revoked("gone")
    names = ("broken", "ended", "fine")
    await until(lambda: len(found.get("fine", ())) > 2, *(watched(name, found) for name in names))
    assert "broken" not in found
    assert isinstance(found["ended"][0], Revoked)
    assert "out of order" in caplog.text


@pytest.mark.parametrize(
    ("error", "is_sent_to_the_log"),
    [(RuntimeError("out of order"), True), (OperationalError("no database"), False)],
)
async def test_a_right_that_nobody_confirms_is_none_unless_nothing_can_be_read(
    answers, error, is_sent_to_the_log
):
    found = {}
    answers["doubtful"] = error
    doubtful = watched("doubtful", found)
    await until(lambda: len(found.get("fine", ())) > 1, doubtful, watched("fine", found))
    assert doubtful.behind is is_sent_to_the_log


async def test_one_that_cannot_be_told_of_its_rights_stops_no_other(answers, caplog):
    found = {}
    deaf, behind = watched("deaf", found), []

    def fail(answer, question):
        raise OSError("the socket is broken")

    deaf.on_confirmed, deaf.on_behind = fail, lambda: behind.append("deaf")
    await until(lambda: len(found.get("fine", ())) > 2, deaf, watched("fine", found))
    assert behind == ["deaf"]
    assert "the socket is broken" in caplog.text


async def test_a_database_that_fails_is_asked_again(answers, caplog):
    found = {}
    answers["every"] = RuntimeError("no database")
    await until(lambda: found.get("fine"), watched("fine", found))
    assert "no database" in caplog.text


async def test_who_has_not_said_who_they_are_has_no_rights_to_look_at(answers):
    found = {}
    stranger = watched("stranger", found)
    stranger.identity = None
    await until(lambda: found.get("fine"), stranger, watched("fine", found))
    assert "stranger" not in found


async def test_who_was_looked_at_lately_is_not_due(settings):
    settings.REALTIME = {"RECHECK_INTERVAL": 60}
    connection = connection_of()
    connection.confirmed_at = asyncio.get_running_loop().time() - 59
    assert rechecking._due(Members(connection)) == []
    connection.confirmed_at -= 2
    assert rechecking._due(Members(connection)) == [connection]
