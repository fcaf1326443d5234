"""The moments of a conversation that a client cannot see from outside."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio
from django.db import OperationalError

from hubproject.models import Project
from realtime import auth
from realtime.connection import Connection
from realtime.conversation import Conversation
from realtime.frames import Frame
from realtime.messages import Hello, Ping, SyncRequest
from tests.realtime.doubles import RecordingTransport
from tests.support.off_loop import off_loop
from tests.support.replica import Replica
from tests.support.state import database_state

SCOPE = {"headers": [], "query_string": b"", "client": ["192.0.2.7", 50000]}


class Spoken:
    """A conversation, and the replica that its client keeps."""

    def __init__(self, relay):
        self.relay = relay
        self.connection = Connection(RecordingTransport())
        self.conversation = Conversation(SCOPE, self.connection, relay)
        self.replica = Replica()

    @property
    def messages(self):
        return self.connection.transport.messages

    async def say(self, message):
        await self.conversation.answer(message)

    async def until(self, kind):
        await self.connection.transport.until(
            lambda transport: any(message["type"] == kind for message in transport.messages)
        )
        self.read()

    def read(self):
        for message in self.messages:
            self.replica.take(message)
        self.connection.transport.frames.clear()


@pytest_asyncio.fixture
async def spoken(running):
    spoken = Spoken(running)
    await spoken.conversation.begin(cookies_count=False)
    yield spoken
    await spoken.conversation.end()


async def create(name):
    await off_loop(Project.objects.create, name=name)


async def test_from_the_welcome_on_no_live_event_passes_the_pages_asked_for(spoken, token):
    await create("missed")
    await spoken.say(Hello(token=token, cursor="ffffffff-1-00000000"))
    assert spoken.connection.is_held
    assert [message["type"] for message in spoken.messages] == ["welcome"]
    await create("meanwhile")
    await spoken.relay.refresh()
    await spoken.until("sync_response")
    await create("live")
    await spoken.relay.refresh()
    spoken.read()
    replica = spoken.replica
    assert replica.state == await off_loop(database_state, {"everyone"})
    assert (replica.repeated, replica.out_of_order, replica.resets) == (0, 0, 1)
    assert replica.cursor == spoken.relay.position.cursor


async def test_a_hello_with_a_cursor_behind_a_request_loses_nothing(spoken, token):
    await spoken.say(Hello(token=token))
    await create("first")
    await spoken.say(SyncRequest(id="page"))
    await spoken.say(Hello(cursor="ffffffff-1-00000000"))
    await create("second")
    await spoken.until("sync_response")
    async with asyncio.timeout(20):
        while not spoken.replica.resets or spoken.connection.cursor is None:
            await spoken.relay.refresh()
            spoken.read()
    assert spoken.replica.state == await off_loop(database_state, {"everyone"})
    assert spoken.replica.cursor == spoken.relay.position.cursor


async def test_who_says_hello_is_a_member_at_the_position_that_was_just_read(spoken, token):
    await create("before")
    await spoken.say(Hello(token=token))
    assert spoken.connection in spoken.relay.connections
    await spoken.relay.refresh()
    assert [message["type"] for message in spoken.messages] == ["welcome"]


async def test_a_connection_that_ends_is_no_member_and_works_no_more(running, token):
    def workers():
        return [task for task in asyncio.all_tasks() if "Worker" in repr(task.get_coro())]

    spoken = Spoken(running)
    await spoken.conversation.begin(cookies_count=False)
    await spoken.say(Hello(token=token))
    await spoken.say(SyncRequest())
    assert len(workers()) == 1
    await spoken.conversation.end()
    assert spoken.connection not in running.connections
    assert workers() == []


async def test_a_user_that_cannot_be_read_now_is_asked_to_come_back(
    spoken, token, monkeypatch, caplog
):
    def fail(*args):
        raise OperationalError("the password of the database is hunter2")

    monkeypatch.setattr(auth, "token_grants", fail)
    await spoken.say(Hello(token=token, id="h"))
    error, goodbye = spoken.messages
    assert (error["code"], error["retryable"], error["id"]) == ("internal", True, "h")
    assert "hunter2" not in error["message"]
    assert (goodbye["code"], goodbye["reconnect"]) == (4000, True)
    assert goodbye["retryAfterMs"] > 0
    assert spoken.connection.transport.closed[0] == 4000
    assert "hunter2" in caplog.text


async def test_who_was_let_in_late_is_not_sent_away_after_it(running, token, settings, monkeypatch):
    settings.REALTIME = {"AUTHENTICATION_TIMEOUT": 3600}
    loop = asyncio.get_running_loop()
    patient = Spoken(running)
    await patient.conversation.begin(cookies_count=False)
    await patient.say(Hello(token=token))
    stranger = Spoken(running)
    await stranger.conversation.begin(cookies_count=False)
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 3600)
    await stranger.until("goodbye")
    assert not patient.connection.transport.is_closing
    await patient.say(Ping())
    assert patient.messages[-1]["type"] == "pong"
    for one in (patient, stranger):
        await one.conversation.end()


async def test_an_acknowledged_cursor_is_kept_for_the_connection(spoken, token):
    await spoken.say(Hello(token=token))
    await spoken.say(SyncRequest())
    await spoken.until("sync_response")
    await spoken.say(Ping(cursor=spoken.replica.cursor))
    assert spoken.connection.acknowledged == spoken.replica.cursor


@pytest.mark.parametrize(
    ("client", "address"),
    [(["192.0.2.7", 5], "192.0.2.7"), (None, ""), (["x" * 200, 5], "x" * 64)],
)
async def test_the_address_is_that_of_the_peer_where_the_server_knows_it(
    running, token, client, address
):
    spoken = Spoken(running)
    spoken.conversation = Conversation(SCOPE | {"client": client}, spoken.connection, running)
    await spoken.conversation.begin(cookies_count=False)
    await spoken.say(Hello(token=token))
    assert spoken.connection.address == address
    await spoken.conversation.end()


async def test_a_connection_hears_nothing_before_its_user_is_known(spoken):
    await create("Move")
    await spoken.relay.refresh()
    spoken.relay.message_threadsafe(Frame("{}"), "everyone", None)
    await asyncio.sleep(0)
    assert spoken.messages == []


async def test_who_cannot_join_is_sent_away_instead_of_answered_and_deaf(
    spoken, token, monkeypatch
):
    async def failing():
        raise OperationalError("the log cannot be read")

    monkeypatch.setattr(spoken.relay, "refresh", failing)
    await spoken.say(Hello(token=token))
    kinds = [message["type"] for message in spoken.messages]
    assert kinds == ["error", "goodbye"]
    assert spoken.connection.identity is None
    assert spoken.connection not in spoken.relay.connections


async def test_a_member_that_does_not_read_is_answered_no_more_until_it_does(spoken, token):
    await spoken.say(Hello(token=token))
    spoken.conversation.overflow()
    assert spoken.connection.behind
    await spoken.until("sync_response")
    assert not spoken.connection.behind


async def test_a_stranger_that_does_not_read_is_sent_away(spoken):
    spoken.conversation.overflow()
    assert [message["code"] for message in spoken.messages] == [4001]


async def test_a_hello_that_cannot_be_resumed_now_has_one_answer(spoken, token, settings):
    settings.REALTIME = {"MAX_WAITING_REQUESTS": 1}
    await spoken.say(Hello(token=token))
    spoken.read()
    for number in range(3):
        await spoken.say(Hello(cursor="ffffffff-1-00000000", id=number))
    answers = [(m["type"], m.get("code")) for m in spoken.messages if m.get("id") == 2]
    assert answers == [("error", "rate_limited")]
