"""Rights that change while a client is connected or away: what is heard, told, replayed, ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import OperationalError, transaction
from django.utils import timezone

from realtime import access, auth, paging, refreshing, rights, sharing
from realtime.arrival import IDENTIFY_TRIES
from realtime.broadcasting import broadcast
from realtime.connection import Connection
from realtime.conversation import Conversation
from realtime.database import in_database
from realtime.devices import create_device
from realtime.messages import Hello, Ping, SyncRequest
from realtime.models import Device, Right
from realtime.refreshing import refresh
from realtime.relay import relay
from realtime.rights_history import differences
from realtime.together import together
from sync.publishing import publish
from tests.realtime.conftest import finish_database_work
from tests.realtime.doubles import RecordingTransport
from tests.support.off_loop import off_loop
from tests.support.replica import Replica
from tests.support.state import database_state
from tests.testapp.models import Memo, Team

SCOPE = {"headers": [], "query_string": b"", "client": ["192.0.2.7", 50000]}
LONG_AGO = "ffffffff-1-00000000"

pytestmark = pytest.mark.usefixtures("no_tick")


class Spoken:
    """A connection of ada, its conversation, and the replica that its client keeps."""

    def __init__(self, relay, token, replica=None):
        self.relay = relay
        self.token = token
        self.connection = Connection(RecordingTransport())
        self.conversation = Conversation(SCOPE, self.connection, relay)
        self.replica = replica or Replica()

    @property
    def closed(self):
        return self.connection.transport.closed

    async def say(self, message):
        await self.conversation.answer(message)

    async def hello(self, **fields):
        await self.say(Hello(token=self.token, **fields))

    async def arrive(self):
        """Say hello and take everything there is."""
        await self.hello()
        await self.say(SyncRequest())
        return await self.done()

    async def come_back(self):
        """Say hello with what the replica holds."""
        held = None if self.replica.held is None else sorted(self.replica.held)
        await self.hello(cursor=self.replica.cursor, held_audiences=held)
        return await self.done()

    async def done(self):
        """Let everything that was begun come to its end; return what was sent meanwhile."""
        await self.relay.refresh()
        over = asyncio.Event()

        async def tell():
            if not self.conversation._worker._jobs:
                over.set()
            else:
                self.conversation._worker.queue(tell)

        if not self.closed:
            self.conversation._worker.queue(tell)
            async with asyncio.timeout(20):
                await over.wait()
        messages = self.connection.transport.messages
        self.connection.transport.frames.clear()
        for message in messages:
            self.replica.take(message)
        return messages


@pytest.fixture
def group(transactional_db):
    """A team whose audience is the name of a group."""
    team = Team.objects.create(name="blue")
    group = Group.objects.create(name=f"team:{team.pk}")
    group.team = team
    return group


@pytest_asyncio.fixture
async def make_spoken(running, token):
    every = []

    async def make(replica=None):
        spoken = Spoken(running, token, replica)
        every.append(spoken)
        await spoken.conversation.begin(cookies_count=False)
        return spoken

    yield make
    for spoken in every:
        await spoken.conversation.end()


@pytest_asyncio.fixture
async def spoken(make_spoken):
    return await make_spoken()


@pytest.fixture
def gate(monkeypatch):
    """Stops each page when it was read and the rights of its reader were looked up, before it is
    gone by them, while a test keeps it closed."""

    class Gate:
        def __init__(self):
            self.reached, self.may_pass = asyncio.Event(), asyncio.Event()
            self.may_pass.set()

        def close(self):
            self.reached.clear()
            self.may_pass.clear()

        def step(self):
            """Let pass the one that waits."""
            self.may_pass.set()
            self.may_pass.clear()

        def open(self):
            self.may_pass.set()

        async def looked_up(self, connection):
            found = await looked_up(connection)
            self.reached.set()
            await self.may_pass.wait()
            return found

    gate, looked_up = Gate(), paging._looked_up
    monkeypatch.setattr(paging, "_looked_up", gate.looked_up)
    return gate


def ada():
    return get_user_model().objects.get()


def join(group, *, announce=True):
    with transaction.atomic():
        ada().groups.add(group)
        if announce:
            refresh(ada())


def leave(group, *, announce=True):
    with transaction.atomic():
        ada().groups.remove(group)
        if announce:
            refresh(ada().pk)


def memo(group, title):
    return Memo.objects.create(team=group.team, text=title)


def text_of(messages):
    return str(messages)


async def assert_equal_to_the_database(spoken):
    held = spoken.connection.permitted
    assert spoken.replica.state == await off_loop(database_state, held)
    assert spoken.replica.held == held


async def test_what_is_gained_is_told_and_sent_from_zero_and_heard_from_then_on(spoken, group):
    await off_loop(memo, group, "old")
    await spoken.arrive()
    assert "old" not in text_of(spoken.replica.received)
    await off_loop(join, group)
    told, page, *_ = [m for m in await spoken.done() if m.get("changes") != []]
    assert (told["type"], told["gained"], told["lost"]) == ("audiences", [group.name], [])
    assert set(told["audiences"]) == {"everyone", group.name}
    assert (page["audiences"], page["hasMore"]) == ([group.name], False)
    assert "cursor" not in page
    await off_loop(memo, group, "new")
    assert "new" in text_of(await spoken.done())
    await assert_equal_to_the_database(spoken)
    assert spoken.replica.cursor == spoken.relay.position.cursor


async def test_what_is_lost_is_told_and_not_heard_any_more(spoken, group):
    await off_loop(join, group)
    await off_loop(memo, group, "seen")
    await spoken.arrive()
    await off_loop(leave, group)
    await off_loop(memo, group, "foreign")
    messages = await spoken.done()
    [told] = [m for m in messages if m["type"] == "audiences"]
    assert (told["gained"], told["lost"]) == ([], [group.name])
    assert "foreign" not in text_of(messages)
    await assert_equal_to_the_database(spoken)


async def test_what_is_committed_after_the_loss_is_not_heard_even_if_both_are_read_at_once(
    spoken, group
):
    await off_loop(join, group)
    await spoken.arrive()

    def all_before_the_relay_looks():
        leave(group)
        memo(group, "foreign")

    await off_loop(all_before_the_relay_looks)
    await spoken.done()
    await off_loop(memo, group, "foreign as well")
    await spoken.done()
    assert "foreign" not in text_of(spoken.replica.received)


async def test_a_broadcast_after_the_loss_is_not_heard(spoken, group):
    await off_loop(join, group)
    await spoken.arrive()
    await off_loop(leave, group)
    broadcast("secret", audience=group.name)
    broadcast("for.all")
    messages = await spoken.done()
    assert "secret" not in text_of(messages)
    broadcast("later")
    assert "later" in text_of(await spoken.done())


async def test_a_broadcast_while_the_loss_is_being_looked_up_is_not_heard(spoken, group, gate):
    await off_loop(join, group)
    await spoken.arrive()
    gate.close()
    await off_loop(leave, group)
    async with asyncio.timeout(20):
        await gate.reached.wait()
    assert group.name in spoken.connection.audiences
    broadcast("secret", audience=group.name)
    await spoken.relay.refresh()
    gate.open()
    messages = await spoken.done()
    assert "secret" not in text_of(messages)
    broadcast("later")
    assert "later" in text_of(await spoken.done())


async def test_what_was_committed_before_the_gain_is_not_missed_if_both_are_read_at_once(
    spoken, group
):
    await spoken.arrive()

    def all_before_the_relay_looks():
        memo(group, "before")
        join(group)
        memo(group, "after")

    await off_loop(all_before_the_relay_looks)
    await spoken.done()
    await assert_equal_to_the_database(spoken)
    assert {"before", "after"} <= {data.get("text") for data in spoken.replica.state.values()}


async def test_what_nobody_announced_is_found_by_the_periodic_look(running, token, settings, group):
    settings.REALTIME = settings.REALTIME | {"RECHECK_INTERVAL": 0.05}
    async with running:
        spoken = Spoken(running, token)
        await spoken.conversation.begin(cookies_count=False)
        await spoken.arrive()
        await off_loop(join, group, announce=False)
        await spoken.connection.transport.until(
            lambda sent: any(m["type"] == "audiences" for m in sent.messages)
        )
        await spoken.done()
        await off_loop(leave, group, announce=False)
        await spoken.connection.transport.until(
            lambda sent: any(m.get("lost") for m in sent.messages)
        )
        await spoken.conversation.end()


async def test_a_user_who_is_deactivated_is_sent_away_for_good(spoken, group):
    await spoken.arrive()

    def deactivate():
        get_user_model().objects.update(is_active=False)
        refresh(ada())

    await off_loop(deactivate)
    messages = await spoken.done()
    assert spoken.closed[0] == 4503
    assert (messages[-1]["type"], messages[-1]["reconnect"]) == ("goodbye", False)


async def test_who_has_no_audience_left_is_sent_away_for_good(spoken, monkeypatch):
    await spoken.arrive()
    monkeypatch.setattr(rights, "audiences_of_all", lambda users: [frozenset()] * len(users))
    await off_loop(lambda: refresh(ada()))
    await spoken.done()
    assert spoken.closed[0] == 4503
    assert spoken.connection.permitted == frozenset()


async def test_who_has_no_audience_to_begin_with_is_sent_away(spoken, monkeypatch):
    monkeypatch.setattr(rights, "audiences_of_all", lambda users: [frozenset()] * len(users))
    await spoken.hello()
    assert spoken.closed[0] == 4503
    assert "welcome" not in text_of(spoken.connection.transport.messages)


async def test_a_client_that_never_said_hello_is_given_everything_anew(running, token, group):
    scope = SCOPE | {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    simple = Spoken(running, token)
    simple.conversation = Conversation(scope, simple.connection, running)
    await simple.conversation.begin(cookies_count=False)
    await simple.say(SyncRequest())
    await simple.done()
    await off_loop(memo, group, "theirs")
    await off_loop(join, group)
    await simple.done()
    assert simple.replica.resets == 1
    assert simple.replica.state == await off_loop(database_state, {"everyone", group.name})
    await off_loop(leave, group)
    messages = await simple.done()
    assert {m["type"] for m in messages} <= {"sync_response", "event"}
    assert simple.replica.resets == 2
    assert simple.replica.state == await off_loop(database_state, {"everyone"})
    assert simple.replica.cursor == running.position.cursor
    await simple.conversation.end()


async def test_a_client_that_was_away_is_told_what_to_forget_and_sent_what_is_new(
    make_spoken, group
):
    away = await make_spoken()
    other = await off_loop(Team.objects.create, name="red")
    await off_loop(join, group)
    await off_loop(memo, group, "mine for now")
    await away.arrive()
    await away.conversation.end()

    def meanwhile():
        leave(group)
        Memo.objects.create(team=other, text="from before I joined")
        new = Group.objects.create(name=f"team:{other.pk}")
        join(new)
        return new

    new = await off_loop(meanwhile)
    back = await make_spoken(away.replica)
    welcome, *pages = await back.come_back()
    assert set(welcome["lost"]) == {group.name, new.name}
    assert [page.get("audiences") for page in pages] == [[new.name], None]
    await assert_equal_to_the_database(back)
    assert back.replica.cursor == back.relay.position.cursor


async def test_what_a_client_does_not_name_is_known_from_what_its_user_held(make_spoken, group):
    away = await make_spoken()
    await off_loop(join, group)
    await off_loop(memo, group, "mine for now")
    await away.arrive()
    await away.conversation.end()
    await off_loop(leave, group)
    back = await make_spoken(away.replica)
    await back.hello(cursor=back.replica.cursor)
    welcome, *_ = await back.done()
    assert welcome["lost"] == [group.name]
    await assert_equal_to_the_database(back)


@pytest.mark.parametrize("by", ["cursor", "since"])
async def test_a_simple_client_that_was_away_starts_anew_once(running, token, group, by):
    scope = SCOPE | {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    replica, since = Replica(), None

    async def connect():
        one = Spoken(running, token, replica)
        one.conversation = Conversation(scope, one.connection, running)
        await one.conversation.begin(cookies_count=False)
        return one

    def start():
        return {by: replica.cursor if by == "cursor" else since}

    simple = await connect()
    await simple.say(SyncRequest())
    [page] = await simple.done()
    since = page["syncTimestamp"]
    await simple.conversation.end()
    await off_loop(memo, group, "theirs")
    await off_loop(join, group)
    simple = await connect()
    await simple.say(SyncRequest(**start()))
    [page] = await simple.done()
    since = page["syncTimestamp"]
    assert replica.resets == 1
    assert replica.state == await off_loop(database_state, {"everyone", group.name})
    await simple.say(SyncRequest(**start()))
    await simple.done()
    assert replica.resets == 1
    await simple.conversation.end()
    await off_loop(leave, group)
    simple = await connect()
    await simple.say(SyncRequest(**start()))
    await simple.done()
    assert replica.resets == 2
    assert replica.state == await off_loop(database_state, {"everyone"})
    await simple.conversation.end()


async def test_a_client_that_names_nothing_gets_what_was_gained_but_not_sent_before_it_left(
    make_spoken, group, monkeypatch
):
    """A cursor that it stored meanwhile would say that it holds what was gained before."""
    await off_loop(memo, group, "old")
    spoken = await make_spoken()
    await spoken.arrive()
    sent_from = asyncio.Event()

    async def write_or_stop(function, asked):
        if asked.audiences == {group.name}:
            sent_from.set()
            await asyncio.Event().wait()
        found = await in_database(function, asked)
        await off_loop(Team.objects.get_or_create, name="live")
        return found

    monkeypatch.setattr(sharing, "in_database", write_or_stop)
    await off_loop(join, group)
    await asyncio.wait_for(sent_from.wait(), 20)
    for message in spoken.connection.transport.messages:
        spoken.replica.take(message)
    await spoken.conversation.end()
    assert "live" in text_of(spoken.replica.received[-1])
    monkeypatch.undo()
    long_ago = timezone.now() - timedelta(hours=1)
    await off_loop(Right.objects.filter(audience=group.name).update, gained_at=long_ago)
    back = await make_spoken(spoken.replica)
    await back.hello(cursor=back.replica.cursor)
    await back.done()
    await assert_equal_to_the_database(back)


async def test_what_is_gained_while_it_is_looked_up_what_a_client_missed_is_not_forgotten(
    make_spoken, group, monkeypatch
):
    """The `welcome` would tell the client to forget what was sent to it just before."""
    await off_loop(join, group)
    await off_loop(memo, group, "mine again")
    away = await make_spoken()
    await away.arrive()
    await away.conversation.end()
    await off_loop(leave, group)
    back = await make_spoken(away.replica)
    back.replica.held = None
    is_first = True

    async def gain_meanwhile(function, *asked):
        nonlocal is_first
        found = await together(function, *asked)
        if function is differences and is_first:
            is_first = False
            await off_loop(join, group)
            messages = await back.done()
            assert [m["gained"] for m in messages if m["type"] == "audiences"] == [[group.name]]
        return found

    monkeypatch.setattr(access, "together", gain_meanwhile)
    await back.hello(cursor=back.replica.cursor)
    await back.done()
    assert back.replica.state == await off_loop(database_state, back.connection.permitted)


async def test_a_simple_client_that_asks_for_a_part_comes_to_its_end(
    running, token, group, settings
):
    """Each of its pages would be the first of a snapshot for as long as the change is news."""
    for title in ("first", "second", "third"):
        await off_loop(memo, group, title)
    start = (await off_loop(publish)).cursor
    (grant,) = await in_database(auth.token_grants, [(token, SCOPE)])
    await in_database(rights.identify_all, [(grant, None)])
    await off_loop(join, group)
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 1}
    scope = SCOPE | {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    simple = Spoken(running, token, Replica(cursor=start))
    simple.conversation = Conversation(scope, simple.connection, running)
    await simple.conversation.begin(cookies_count=False)
    has_more, pages = True, 0
    while has_more and pages < 5:
        await simple.say(SyncRequest(cursor=simple.replica.cursor, tables=["testapp_memo"]))
        [page] = await simple.done()
        has_more, pages = page["hasMore"], pages + 1
    assert (pages, simple.replica.resets) == (3, 1)
    await simple.conversation.end()


async def test_a_client_whose_rights_never_changed_goes_on_where_it_was(make_spoken, group):
    away = await make_spoken()
    await off_loop(join, group)
    await away.arrive()
    await away.conversation.end()
    await off_loop(memo, group, "missed")
    back = await make_spoken(away.replica)
    await back.hello(cursor=back.replica.cursor)
    welcome, page = await back.done()
    assert "lost" not in welcome
    assert "audiences" not in page
    assert (back.replica.resets, back.replica.repeated) == (0, 0)
    await assert_equal_to_the_database(back)


async def test_who_had_to_wait_with_what_it_holds_still_gets_what_is_new(
    make_spoken, group, gate, settings
):
    """A `hello` that is refused for too many requests has told the client nothing."""
    settings.REALTIME = settings.REALTIME | {"MAX_WAITING_REQUESTS": 1}
    away = await make_spoken()
    await away.arrive()
    await away.conversation.end()
    await off_loop(memo, group, "old")
    await off_loop(join, group)
    back = await make_spoken(away.replica)
    await back.hello()
    gate.close()
    await back.say(SyncRequest(tables=["testapp_label"]))
    await asyncio.wait_for(gate.reached.wait(), 20)
    await back.say(SyncRequest(tables=["testapp_label"]))
    cursor, held = back.replica.cursor, sorted(back.replica.held)
    await back.hello(cursor=cursor, held_audiences=held)
    assert back.connection.transport.messages[-1]["code"] == "rate_limited"
    gate.may_pass.set()
    await back.done()
    await back.say(SyncRequest(cursor=cursor))
    await back.done()
    await assert_equal_to_the_database(back)


async def test_what_a_client_said_it_holds_is_not_forgotten_over_another_hello(make_spoken, group):
    await off_loop(join, group)
    await off_loop(memo, group, "not held")
    away = await make_spoken()
    await away.hello(audiences=["everyone"])
    await away.say(SyncRequest())
    await away.done()
    await away.conversation.end()
    back = await make_spoken(away.replica)
    await back.hello(held_audiences=["everyone"])
    await back.hello(batch=True)
    await back.say(SyncRequest(cursor=back.replica.cursor))
    await back.done()
    await assert_equal_to_the_database(back)


async def test_a_page_that_was_read_before_the_loss_is_not_sent_after_it(spoken, group, gate):
    await off_loop(join, group)
    await off_loop(memo, group, "secret")
    await spoken.hello()
    gate.close()
    await spoken.say(SyncRequest(id="p"))
    await asyncio.wait_for(gate.reached.wait(), 20)
    await off_loop(leave, group)
    spoken.conversation._access.apply(
        await in_database(rights.confirmed, spoken.connection.identity), spoken.connection.ask()
    )
    gate.may_pass.set()
    await spoken.done()
    assert "secret" not in text_of(spoken.replica.received)
    await assert_equal_to_the_database(spoken)


@pytest.mark.parametrize("shared", ["when it was read", "while it is read"])
async def test_a_page_that_was_read_for_others_is_not_sent_to_who_has_lost_its_right_since(
    make_spoken, group, monkeypatch, shared
):
    await off_loop(join, group)
    await off_loop(memo, group, "secret")
    first, second = await make_spoken(), await make_spoken()
    for spoken in (first, second):
        await spoken.hello()
        await spoken.done()
    readings, is_read, may_pass = [], asyncio.Event(), asyncio.Event()

    async def read(function, asked):
        readings.append(asked.audiences)
        found = await in_database(function, asked)
        is_read.set()
        await may_pass.wait()
        return found

    monkeypatch.setattr(sharing, "in_database", read)
    await first.say(SyncRequest())
    await asyncio.wait_for(is_read.wait(), 20)
    if shared == "when it was read":
        may_pass.set()
        assert "secret" in text_of(await first.done())
    memberships = get_user_model().groups.through.objects.all()
    await off_loop(memberships._raw_delete, memberships.db)  # no signal tells of it
    await second.say(SyncRequest())
    async with asyncio.timeout(20):
        while not may_pass.is_set() and sharing.shared_pages().readers < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
    may_pass.set()
    await second.done()
    assert "secret" not in text_of(second.replica.received)
    assert second.connection.permitted == {"everyone"}
    assert readings == [{"everyone", group.name}, {"everyone"}], "it was not shared"


async def test_a_page_that_was_read_by_a_former_token_is_read_again_by_the_new_one(spoken, gate):
    def replace_token():
        Device.objects.update(revoked_at=timezone.now())
        return create_device(ada(), "another")[1]

    await spoken.hello()
    later = await off_loop(replace_token)
    gate.close()
    await spoken.say(SyncRequest(id="p"))
    await asyncio.wait_for(gate.reached.wait(), 20)
    await spoken.say(Hello(token=later))
    gate.may_pass.set()
    [page] = [message for message in await spoken.done() if message.get("id") == "p"]
    assert page["type"] == "sync_response"
    assert spoken.closed is None


async def test_a_page_that_is_read_after_a_loss_that_nobody_announced_shows_nothing(spoken, group):
    await off_loop(join, group)
    await off_loop(memo, group, "secret")
    await spoken.hello()
    await off_loop(leave, group, announce=False)
    await spoken.say(SyncRequest(id="p"))
    await spoken.done()
    assert "secret" not in text_of(spoken.replica.received)
    await assert_equal_to_the_database(spoken)


async def test_the_answer_to_an_older_question_does_not_undo_a_newer_one(spoken, group):
    await off_loop(join, group)
    await spoken.arrive()
    old, question = spoken.connection.identity, spoken.connection.ask()
    await off_loop(leave, group)
    await spoken.done()
    spoken.conversation._access.apply(old, question)
    assert spoken.connection.permitted == {"everyone"}


async def test_what_was_gained_just_now_may_be_asked_for_and_nothing_else(spoken, group):
    await off_loop(memo, group, "theirs")
    await spoken.arrive()
    for audience in (group.name, "team:9999", "nonsense"):
        await spoken.say(SyncRequest(id=audience, audiences=[audience]))
    errors = [m for m in await spoken.done() if m["type"] == "error"]
    assert [(e["id"], e["code"], e["message"]) for e in errors] == [
        (name, "forbidden", errors[0]["message"]) for name in (group.name, "team:9999", "nonsense")
    ]
    await off_loop(join, group, announce=False)
    await spoken.say(SyncRequest(id="now", audiences=[group.name]))
    messages = await spoken.done()
    [page] = [m for m in messages if m.get("id") == "now"]
    assert [change["data"]["text"] for change in page["changes"]] == ["theirs"]
    await assert_equal_to_the_database(spoken)


async def test_what_is_lost_again_while_it_is_sent_is_not_sent_to_its_end(
    spoken, group, gate, settings
):
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 1}
    for title in ("first", "second", "third"):
        await off_loop(memo, group, title)
    await spoken.hello()
    await spoken.done()
    gate.close()
    await off_loop(join, group)
    await spoken.relay.refresh()
    await asyncio.wait_for(gate.reached.wait(), 20)
    await off_loop(leave, group)
    await spoken.relay.refresh()
    gate.may_pass.set()
    await spoken.done()
    assert spoken.connection.permitted == {"everyone"}
    await off_loop(memo, group, "fourth")
    assert "fourth" not in text_of(await spoken.done())
    assert not [key for key in spoken.replica.state if key[0] == Memo._meta.db_table]
    assert group.name not in (spoken.replica.held or ())


async def test_what_is_lost_before_it_was_sent_does_not_count_as_held(spoken, group, gate):
    await spoken.arrive()
    await off_loop(join, group)
    gate.close()
    await spoken.relay.refresh()
    await asyncio.wait_for(gate.reached.wait(), 20)  # the drain, which finds the gain
    confirm = spoken.connection.confirm

    async def lose(identity):
        if spoken.connection.is_held and not spoken.connection.gaining:
            await off_loop(leave, group)
        return await confirm(identity)

    spoken.connection.confirm = lose
    gate.may_pass.set()
    messages = await spoken.done()
    assert [m["gained"] for m in messages if m["type"] == "audiences"] == [[group.name], []]
    assert not [m for m in messages if group.name in m.get("audiences", ()) and "changes" in m]
    await assert_equal_to_the_database(spoken)


@pytest.mark.parametrize("fields", ["cursor and held", "held", "cursor"])
@pytest.mark.parametrize("at_page", [1, 2, 3])
async def test_what_is_on_its_way_while_the_client_is_told_to_forget_it_comes_from_zero(
    make_spoken, group, gate, settings, fields, at_page
):
    """A repeated `hello` tells the client to forget what its store does not hold yet; the rest of
    a snapshot that had begun before would pass for the whole."""
    for title in ("first", "second", "third", "fourth"):
        await off_loop(memo, group, title)
    spoken = await make_spoken()
    await spoken.arrive()
    cursor, held = spoken.replica.cursor, sorted(spoken.replica.held)
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 1}
    if fields == "cursor":
        spoken.connection.is_told = False
    await off_loop(join, group)
    gate.close()
    await spoken.relay.refresh()
    for _ in range(at_page):
        await asyncio.wait_for(gate.reached.wait(), 20)
        gate.reached.clear()
        gate.step()
    await asyncio.wait_for(gate.reached.wait(), 20)
    await off_loop(Memo.objects.filter(text="first").delete)
    named = {"cursor": cursor, "held_audiences": held}
    await spoken.hello(**{name: named[name] for name in named if name[:4] in fields})
    gate.open()
    messages = await spoken.done()
    told = next(n for n, m in enumerate(messages) if group.name in m.get("lost", ()))
    pages = [m for m in messages[told:] if group.name in m.get("audiences", ()) and "changes" in m]
    texts = [change["data"].get("text") for page in pages for change in page["changes"]]
    assert texts == ["second", "third", "fourth"]
    assert not [m for m in messages[told + 1 : messages.index(pages[-1])] if m.get("cursor")]
    await assert_equal_to_the_database(spoken)
    assert spoken.replica.cursor == spoken.relay.position.cursor


async def test_no_cursor_outruns_what_was_gained(spoken, group):
    await off_loop(memo, group, "old")
    await spoken.arrive()
    stored = spoken.replica.cursor
    await off_loop(join, group)
    await off_loop(Team.objects.create, name="news for everyone")
    messages = await spoken.done()
    gained = next(n for n, m in enumerate(messages) if m.get("audiences") == [group.name])
    assert not [m for m in messages[:gained] if m.get("cursor", stored) != stored]
    await off_loop(memo, group, "new")
    await spoken.done()
    assert spoken.replica.cursor == spoken.relay.position.cursor


async def test_no_cursor_tells_a_simple_client_past_a_change_before_its_reset(
    running, token, group
):
    scope = SCOPE | {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    simple = Spoken(running, token)
    simple.conversation = Conversation(scope, simple.connection, running)
    await simple.conversation.begin(cookies_count=False)
    await simple.say(SyncRequest())
    await simple.done()
    await off_loop(join, group)
    messages = await simple.done()
    reset = next(n for n, m in enumerate(messages) if m.get("reset"))
    assert not [m for m in messages[:reset] if "cursor" in m]
    assert "cursor" in messages[reset]
    await simple.conversation.end()


@pytest.mark.parametrize("then", ["stays", "is deleted"])
async def test_what_moved_to_an_audience_gained_meanwhile_is_as_the_database_has_it(
    make_spoken, group, then
):
    """The snapshot of what was gained comes before the pages that tell of the move."""
    away = await make_spoken()
    moves = await off_loop(memo, group, "moves")
    await off_loop(join, group)
    other = await off_loop(Team.objects.create, name="red")
    await away.arrive()
    await away.conversation.end()

    def meanwhile():
        Memo.objects.filter(pk=moves.pk).update(team=other)
        if then == "is deleted":
            moves.delete()
        join(Group.objects.create(name=f"team:{other.pk}"))

    await off_loop(meanwhile)
    back = await make_spoken(away.replica)
    await back.come_back()
    await assert_equal_to_the_database(back)


async def test_a_credential_that_ends_between_its_check_and_the_joining_opens_nothing(
    spoken, monkeypatch
):
    token_grants, loop = auth.token_grants, asyncio.get_running_loop()

    def grant_and_deactivate(*args):
        grants = token_grants(*args)
        get_user_model().objects.update(is_active=False)
        refresh(ada())
        asyncio.run_coroutine_threadsafe(spoken.relay.refresh(), loop).result(20)
        return grants

    monkeypatch.setattr(auth, "token_grants", grant_and_deactivate)
    await spoken.hello()
    assert spoken.closed[0] == 4503
    assert "welcome" not in text_of(spoken.connection.transport.messages)


async def test_a_loss_before_the_first_look_of_a_relay_is_not_missed(
    transactional_db, token, group, monkeypatch
):
    await off_loop(join, group)
    identify = rights.identify_all

    def identify_and_lose(*args):
        found = identify(*args)
        monkeypatch.setattr(rights, "identify_all", identify)
        leave(group)
        return found

    monkeypatch.setattr(rights, "identify_all", identify_and_lose)
    async with relay() as fresh:
        spoken = Spoken(fresh, token)
        await spoken.conversation.begin(cookies_count=False)
        await spoken.hello()
        assert spoken.connection.permitted == {"everyone"}
        await spoken.conversation.end()


async def test_who_lost_while_it_was_sent_what_is_gained_again_gets_it_from_zero(
    make_spoken, group, monkeypatch, settings
):
    """A page of what is not heard any more would say that the client holds it."""
    for title in ("first", "second", "third"):
        await off_loop(memo, group, title)
    spoken = await make_spoken()
    await spoken.arrive()
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 1}
    pages, looked_up = [], paging._looked_up

    async def read(function, asked):
        pages.append(asked.audiences)
        return await in_database(function, asked)

    async def lose_after_the_first_page(connection):
        found = await looked_up(connection)
        if pages[-1] == {group.name}:
            await off_loop(leave, group)
        return found

    monkeypatch.setattr(sharing, "in_database", read)
    monkeypatch.setattr(paging, "_looked_up", lose_after_the_first_page)
    await off_loop(join, group)
    await spoken.done()
    await spoken.done()
    assert {group.name} in pages
    assert spoken.replica.held == {"everyone"}
    await spoken.conversation.end()
    monkeypatch.undo()
    await off_loop(join, group)
    back = await make_spoken(spoken.replica)
    await back.come_back()
    await assert_equal_to_the_database(back)


async def test_a_loss_between_the_look_at_the_rights_and_the_joining_is_not_missed(
    spoken, group, monkeypatch
):
    await off_loop(join, group)
    identify = rights.identify_all

    def identify_and_lose(*args):
        found = identify(*args)
        monkeypatch.setattr(rights, "identify_all", identify)
        leave(group)
        return found

    monkeypatch.setattr(rights, "identify_all", identify_and_lose)
    await spoken.hello()
    await off_loop(memo, group, "foreign")
    await spoken.done()
    assert spoken.connection.permitted == {"everyone"}
    assert "foreign" not in text_of(spoken.replica.received)


async def test_a_user_of_whom_there_is_always_news_is_let_in_and_hears_nothing_of_what_is_lost(
    spoken, group, monkeypatch
):
    await off_loop(join, group)
    identify, calls = rights.identify_all, 0

    def identify_and_change(*args):
        nonlocal calls
        found, calls = identify(*args), calls + 1
        if calls < IDENTIFY_TRIES:
            refresh(ada())
        elif calls == IDENTIFY_TRIES:
            leave(group)
            memo(group, "foreign")
        else:
            refresh(ada())
        return found

    monkeypatch.setattr(rights, "identify_all", identify_and_change)
    async with asyncio.timeout(20):
        await spoken.hello()
    await off_loop(memo, group, "foreign as well")
    await spoken.done()
    assert calls == IDENTIFY_TRIES
    assert spoken.connection.permitted == {"everyone"}
    assert "foreign" not in text_of(spoken.replica.received)


async def test_what_a_client_left_out_is_not_gained(spoken, group):
    await spoken.hello(audiences=["everyone"])
    await off_loop(join, group)
    await off_loop(memo, group, "not asked for")
    messages = await spoken.done()
    assert "audiences" not in {m["type"] for m in messages}
    assert spoken.connection.permitted == {"everyone"}


async def test_a_ping_is_answered_while_gained_records_are_sent(spoken, group, gate):
    await spoken.arrive()
    gate.close()
    await off_loop(join, group)
    await spoken.relay.refresh()
    await asyncio.wait_for(gate.reached.wait(), 20)
    await spoken.say(Ping(id="still here"))
    assert spoken.connection.transport.messages[-1]["id"] == "still here"
    assert "cursor" not in spoken.connection.transport.messages[-1]
    gate.may_pass.set()
    await spoken.done()


async def test_a_refresh_that_is_rolled_back_says_nothing(spoken, group):
    await spoken.arrive()

    def roll_back():
        with transaction.atomic():
            ada().groups.add(group)
            refresh(ada())
            transaction.set_rollback(True)

    await off_loop(roll_back)
    assert await spoken.done() == []


async def test_a_refresh_may_be_called_on_an_event_loop(spoken, group):
    await spoken.arrive()
    user = await off_loop(ada)
    await off_loop(join, group, announce=False)
    refresh(user)
    await spoken.connection.transport.until(
        lambda sent: any(m["type"] == "audiences" for m in sent.messages)
    )


async def test_a_refresh_on_an_event_loop_that_fails_is_logged(spoken, monkeypatch, caplog):
    def fail(ids):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(refreshing, "_write", fail)
    refresh(4711)
    await asyncio.to_thread(finish_database_work)
    [record] = [r for r in caplog.records if r.name == "realtime.refreshing"]
    assert "4711" in record.getMessage()
    assert "the disk is full" in str(record.exc_info[1])


async def test_rights_that_cannot_be_looked_up_send_a_client_away_to_come_back(
    spoken, group, monkeypatch
):
    await spoken.arrive()

    def fail(users):
        return [RuntimeError("the host is out of order")] * len(users)

    monkeypatch.setattr(rights, "audiences_of_all", fail)
    await off_loop(lambda: refresh(ada()))
    await spoken.done()
    assert spoken.closed[0] == 4000
