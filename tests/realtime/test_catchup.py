"""Catching up: pages and live events join without a gap, and without a repeat."""

from __future__ import annotations

import asyncio
import datetime
import functools

import pytest
import pytest_asyncio

from hubproject.models import Project
from realtime import catchup, paging, sharing
from realtime.catchup import answer, drain, resume
from realtime.codes import CloseCode
from realtime.conf import Conf
from realtime.database import in_database
from realtime.errors import Forbidden
from realtime.messages import SyncRequest
from realtime.requests import checked_request, narrowed
from realtime.worker import Worker
from sync.cursor import Position
from sync.errors import InvalidCursor, InvalidSince
from sync.models import LogHead, new_epoch
from sync.publishing import publish
from sync.retention import prune
from tests.realtime.doubles import connection_of, position
from tests.support.off_loop import off_loop
from tests.support.replica import Replica
from tests.support.state import database_state
from tests.testapp.models import Label, Team

SECONDS = 20
FULL = Conf().MAX_UNSENT_BYTES + 1


class Client:
    """A connection with its catch-up work, and the replica that its client keeps."""

    def __init__(self, relay, audiences=("everyone",)):
        self.relay = relay
        self.connection = connection_of(None, *audiences)
        self.connection.on_behind = self._drain
        self.worker = Worker()
        self.replica = Replica()
        self.finished = []

    async def arrive(self):
        """Become a member of the relay, as whoever has said who they are."""
        if self.connection not in self.relay.connections:
            await self.relay.refresh()
            self.relay.join(self.connection)

    @property
    def transport(self):
        return self.connection.transport

    def _drain(self):
        self.worker.queue(functools.partial(self._job, drain))

    async def resume(self, cursor=None):
        """Have the client caught up from its cursor, as after `hello`."""
        await self.arrive()
        cursor = cursor or self.replica.cursor
        start = None if cursor is None else Position.parse(cursor)
        self.connection.hold()
        self.worker.queue(functools.partial(self._job, resume, start))

    async def ask(self, **fields):
        """Ask for one page."""
        await self.arrive()
        request = checked_request(SyncRequest(**fields), self.connection)
        self.worker.ask(functools.partial(self._job, answer, request))

    async def _job(self, work, *args):
        try:
            await work(self.relay, self.connection, *args)
        except Exception as error:
            self.finished.append(error)
        else:
            self.finished.append(None)

    async def done(self, *errors):
        """Wait for all work asked for so far; nothing but the named errors came of it."""
        over = asyncio.Event()

        async def tell():
            over.set()

        self.worker.queue(tell)
        await asyncio.wait_for(over.wait(), SECONDS)
        await self.relay.refresh()
        found = [type(error) for error in self.finished if error is not None]
        assert found == list(errors)
        return self.read()

    def read(self):
        """Let the client take what it was sent."""
        for message in self.transport.messages:
            self.replica.take(message)
        self.transport.frames.clear()
        return self.replica

    def stop_reading(self):
        self.transport.unsent = FULL

    def read_again(self):
        self.transport.unsent = 0


@pytest_asyncio.fixture
async def make_client(running):
    clients = []

    def make(**options):
        clients.append(Client(running, **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.worker.stop()


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def small_pages(settings):
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 2}


@pytest.fixture
def gate(monkeypatch):
    """Stops each reading of a page before it begins, from the moment a test closes it."""

    class Gate:
        def __init__(self):
            self.reached, self.may_pass = asyncio.Event(), asyncio.Event()
            self.may_pass.set()
            self.error = None

        def close(self):
            self.reached.clear()
            self.may_pass.clear()

        async def in_database(self, function, *args, **kwargs):
            self.reached.set()
            await self.may_pass.wait()
            if self.error is not None:
                raise self.error
            return await in_database(function, *args, **kwargs)

    gate = Gate()
    monkeypatch.setattr(sharing, "in_database", gate.in_database)
    return gate


async def create(*names):
    for name in names:
        await off_loop(Project.objects.create, name=name)


def names(replica):
    return [change["data"]["name"] for change in replica.changes()]


async def equal_to_the_database(client):
    replica = await client.done()
    assert replica.state == await off_loop(database_state, client.connection.audiences)
    assert (replica.repeated, replica.out_of_order) == (0, 0)
    assert replica.cursor == client.relay.position.cursor


@pytest.mark.parametrize(
    ("asked", "held", "allowed"),
    [
        (None, None, None),
        (None, frozenset("ab"), frozenset("ab")),
        ([], None, frozenset()),
        (["a"], None, frozenset("a")),
        (["a"], frozenset("ab"), frozenset("a")),
        (["a", "a"], frozenset("ab"), frozenset("a")),
        ([], frozenset("ab"), frozenset()),
    ],
)
def test_what_is_asked_for_must_be_among_what_may_be_heard(asked, held, allowed):
    assert narrowed(asked, held) == allowed


@pytest.mark.parametrize("held", [frozenset(), frozenset("a"), frozenset("ac")])
def test_asking_for_what_may_not_be_heard_is_forbidden_whether_or_not_it_exists(held):
    with pytest.raises(Forbidden):
        narrowed(["a", "b"], held)


def test_a_request_starts_at_its_cursor_and_else_at_its_time_and_else_at_the_beginning():
    connection = connection_of()
    cursor = position(7).cursor
    both = SyncRequest(cursor=cursor, since="2026-01-31T12:00:00Z", limit=3, id="r")
    request = checked_request(both, connection)
    assert (request.start.cursor, request.limit, request.id) == (cursor, 3, "r")
    assert request.audiences is None
    by_time = checked_request(SyncRequest(since="2026-01-31T12:00:00Z"), connection)
    assert by_time.start.isoformat() == "2026-01-31T12:00:00+00:00"
    assert checked_request(SyncRequest(), connection).start is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"cursor": ""}, InvalidCursor),
        ({"cursor": "nonsense", "since": "2026-01-31T12:00:00Z"}, InvalidCursor),
        ({"cursor": "0123abcd--1-89abcdef"}, InvalidCursor),
        ({"since": ""}, InvalidSince),
        ({"since": "yesterday"}, InvalidSince),
        ({"since": 5}, InvalidSince),
        ({"since": ["2026"]}, InvalidSince),
        ({"since": "2026-13-01T00:00:00Z"}, InvalidSince),
        ({"since": "0001-01-01T00:00:00+14:00"}, InvalidSince),
    ],
)
def test_a_request_that_cannot_be_answered_says_why(fields, error):
    with pytest.raises(error):
        checked_request(SyncRequest(**fields), connection_of())


async def test_the_whole_log_in_one_page_makes_the_client_live(client):
    await create("first", "second")
    await client.ask(id="r1")
    replica = await client.done()
    [page] = replica.received
    assert (page["id"], page["hasMore"]) == ("r1", False)
    assert page["cursor"] == client.connection.cursor
    await create("third")
    await equal_to_the_database(client)
    assert replica.received[-1]["cursor"] == replica.cursor
    assert names(replica) == ["first", "second", "third"]


@pytest.mark.usefixtures("small_pages")
async def test_a_client_that_pages_itself_is_given_no_live_cursor_before_the_last_page(client):
    await create("first", "second", "third")
    await client.ask()
    await client.done()
    assert client.connection.cursor is None
    await create("fourth")
    replica = await client.done()
    assert "cursor" not in replica.received[-1]
    assert names(replica) == ["first", "second", "fourth"]
    await client.ask(cursor=replica.cursor)
    replica = await client.done()
    assert replica.received[-1]["hasMore"] is False
    assert replica.state == await off_loop(database_state, {"everyone"})
    assert client.connection.cursor == client.relay.position.cursor


async def test_a_page_is_as_fresh_as_the_moment_of_asking(settings, running, client):
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    await client.arrive()
    await create("Move")
    await client.ask()
    replica = await client.done()
    [page] = [message for message in replica.received if message["type"] == "sync_response"]
    assert [change["data"]["name"] for change in page["changes"]] == ["Move"]


async def test_a_page_of_some_tables_does_not_entitle_to_cursors(client):
    await create("Move")
    await client.ask(tables=["testapp_label"])
    replica = await client.done()
    assert (replica.changes(), replica.received[-1]["hasMore"]) == ([], False)
    assert client.connection.cursor is None


async def test_a_page_of_some_audiences_does_not_entitle_to_cursors(make_client):
    client = make_client(audiences=["everyone", "project:1"])
    await client.ask(audiences=["project:1"])
    await client.done()
    assert client.connection.cursor is None


async def test_a_page_of_some_tables_does_not_take_the_cursors_away(client):
    await client.ask()
    await client.done()
    await client.ask(tables=["testapp_label"])
    await client.done()
    await create("Move")
    await equal_to_the_database(client)


async def test_a_client_that_comes_back_gets_just_what_it_missed(client, make_client):
    await create("before")
    await client.resume()
    await equal_to_the_database(client)
    client.relay.leave(client.connection)
    await create("missed 1", "missed 2")
    again = make_client()
    again.replica = client.replica
    await again.resume()
    await equal_to_the_database(again)
    assert names(again.replica) == ["before", "missed 1", "missed 2"]


@pytest.mark.usefixtures("small_pages")
async def test_resuming_sends_page_after_page_and_then_live_events(client):
    await create(*"abcde")
    await client.resume()
    replica = await client.done()
    assert [page["hasMore"] for page in replica.received] == [True, True, False]
    assert all("id" not in page for page in replica.received)
    await create("f")
    await equal_to_the_database(client)
    assert names(replica) == list("abcdef")


async def test_what_is_written_while_a_page_is_read_comes_after_it_and_once(client, gate):
    await create("before")
    gate.close()
    await client.resume()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await create("meanwhile 1", "meanwhile 2")
    await client.relay.refresh()
    assert client.connection.cursor is None
    assert client.transport.frames == []
    gate.may_pass.set()
    await equal_to_the_database(client)
    page, *events = client.replica.received
    assert names(client.replica) == ["before", "meanwhile 1", "meanwhile 2"]
    assert len(page["changes"]) == 1
    assert all(event["cursor"] for event in events)


async def test_a_record_written_again_while_a_page_is_read_ends_as_it_is(client, gate):
    await create("before")
    gate.close()
    await client.ask()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await off_loop(Project.objects.update, name="after")
    await client.relay.refresh()
    gate.may_pass.set()
    await equal_to_the_database(client)


async def test_when_too_much_is_written_meanwhile_the_rest_comes_as_pages(client, gate, settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": 2}
    gate.close()
    await client.resume()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await create(*"abcd")
    await client.relay.refresh()
    gate.may_pass.set()
    await equal_to_the_database(client)
    assert [message["type"] for message in client.replica.received] == ["sync_response"] * 2
    await create("live")
    await equal_to_the_database(client)
    assert client.replica.received[-1]["type"] == "event"


@pytest.mark.parametrize("caught_up", [True, False])
async def test_after_an_answer_too_the_rest_comes_as_pages(client, gate, settings, caught_up):
    settings.REALTIME = {"MAX_HELD_EVENTS": 2}
    if caught_up:
        await client.ask()
        await client.done()
    gate.close()
    await client.ask(tables=["testapp_label"])
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await create(*"abcd")
    await client.relay.refresh()
    gate.may_pass.set()
    replica = await client.done()
    assert names(replica) == list("abcd")
    assert replica.received[-1]["type"] == "sync_response"
    assert ("cursor" in replica.received[-1]) is caught_up
    assert (client.connection.cursor is not None) is caught_up


async def test_a_cursor_of_another_history_starts_the_client_anew(client):
    await create("Move")
    await client.resume("ffffffff-1-00000000")
    await equal_to_the_database(client)
    assert client.replica.resets == 1


@pytest.mark.usefixtures("small_pages")
async def test_a_fresh_start_of_many_pages_says_so_once(client):
    await create(*"abcde")
    await client.resume("ffffffff-1-00000000")
    replica = await client.done()
    assert [page.get("reset", False) for page in replica.received] == [True, False, False]
    assert replica.state == await off_loop(database_state, {"everyone"})


async def test_a_live_client_of_a_log_that_is_replaced_starts_anew(client):
    await create("kept", "forgotten by the new history")
    await client.resume()
    await client.done()

    def replace():
        Project.objects.filter(name__startswith="forgotten").delete()
        LogHead.objects.update(epoch=new_epoch())

    await off_loop(replace)
    await client.done()
    await equal_to_the_database(client)
    assert client.replica.resets == 1
    await create("live again")
    await equal_to_the_database(client)


def forget(*names):
    """Delete records and prune all that can be pruned, before any relay has looked."""
    Project.objects.filter(name__in=names).delete()
    publish()
    list(prune(older_than=datetime.timedelta()))
    publish()


@pytest.mark.usefixtures("small_pages")
async def test_a_snapshot_of_many_pages_goes_on_below_the_horizon(client):
    await create(*"abcdexyz")
    await off_loop(forget, *"xyz")
    await client.resume()
    await equal_to_the_database(client)
    pages = client.replica.received
    assert [page.get("reset", False) for page in pages] == [False] * 3
    assert [page["hasMore"] for page in pages] == [True, True, False]


@pytest.mark.usefixtures("small_pages")
async def test_a_client_that_pages_itself_comes_to_the_end_of_a_snapshot_below_the_horizon(client):
    await create(*"abcdexyz")
    await off_loop(forget, *"xyz")
    cursor = "ffffffff-1-00000000"
    for _ in range(3):
        await client.ask(cursor=cursor)
        cursor = (await client.done()).cursor
    await equal_to_the_database(client)
    assert client.replica.resets == 1


@pytest.mark.usefixtures("small_pages")
async def test_a_client_that_knows_only_times_comes_to_the_end_of_a_snapshot(client):
    """The time of its first page's end lies below the horizon, and alone leads nowhere."""
    await create(*"abcdexyz")
    await off_loop(forget, *"xyz")
    since, has_more, answers = "1970-01-01", True, 0
    while has_more and answers < 5:
        await client.ask(since=since)
        page = (await client.done()).received[-1]
        since, has_more, answers = page["syncTimestamp"], page["hasMore"], answers + 1
    await equal_to_the_database(client)
    assert (answers, client.replica.resets) == (3, 1)


@pytest.mark.usefixtures("small_pages")
async def test_a_snapshot_by_time_goes_on_for_what_it_was_begun_for_alone(client):
    await create(*"abcdexyz")
    await off_loop(forget, *"xyz")
    await client.ask(since="1970-01-01", tables=["projects"])
    since = (await client.done()).received[-1]["syncTimestamp"]
    await client.ask(since=since)
    assert (await client.done()).received[-1]["reset"] is True


async def test_a_live_client_that_would_miss_a_removed_delete_starts_anew(client, settings):
    await create("a", "b")
    await client.resume()
    await client.done()
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    await client.done()
    await off_loop(forget, "a")
    await client.done()
    await client.done()
    await equal_to_the_database(client)
    assert client.replica.resets == 1
    await create("live again")
    await equal_to_the_database(client)


async def test_a_live_client_keeps_its_store_when_only_superseded_entries_are_removed(
    client, settings
):
    await create("a", "b")
    await client.resume()
    await client.done()
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    await client.done()
    for name in ("c", "d"):
        await off_loop(Project.objects.filter(name__in=["b", "c"]).update, name=name)
    await off_loop(forget)
    await equal_to_the_database(client)
    assert (names(client.replica), client.replica.resets) == (["a", "b", "d"], 0)


@pytest.mark.usefixtures("small_pages")
async def test_a_catch_up_whose_end_falls_below_the_horizon_comes_to_an_end(client, gate, settings):
    """Every page up to the relay's old position would be the first of a snapshot again."""
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    await create(*"abcdex")
    gate.close()
    await client.resume()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await off_loop(forget, "x")
    gate.may_pass.set()
    await client.done()
    await client.done()
    await equal_to_the_database(client)
    assert client.replica.resets <= 2


@pytest.mark.usefixtures("small_pages")
async def test_a_snapshot_of_what_was_gained_that_falls_below_the_horizon_starts_the_client_anew(
    client, make_client, gate, settings
):
    """The log has forgotten deletes that a merge with what the client holds would not show."""
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    await create(*"abcdexy")
    await client.resume()
    await client.done()
    await off_loop(Project.objects.filter(name="x").delete)
    back = make_client()
    back.replica, before = client.replica, len(client.replica.received)
    gate.close()
    await back.arrive()
    back.connection.audiences, back.connection.gaining = frozenset(), back.connection.audiences
    await back.resume(client.replica.cursor)
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await off_loop(Project.objects.filter(name="y").delete)
    await back.relay.refresh()
    await off_loop(forget)
    gate.may_pass.set()
    replica = await back.done()
    assert replica.state == await off_loop(database_state, {"everyone"})
    pages = [page for page in replica.received[before:] if "audiences" not in page]
    assert [page.get("reset", False) for page in pages] == [True, False, False]


async def test_a_log_that_is_replaced_while_a_page_is_read_starts_the_client_anew(client, gate):
    await create("kept")
    await client.resume()
    await client.done()
    gate.close()
    await client.ask(cursor=client.replica.cursor)
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await off_loop(LogHead.objects.update, epoch=new_epoch())
    await client.relay.refresh()
    gate.may_pass.set()
    await client.done()
    await equal_to_the_database(client)
    assert client.replica.resets == 1


async def test_a_resume_that_fails_sends_the_client_away_to_come_back(client, gate):
    gate.error = OSError("the database is down")
    await client.resume()
    await client.done(OSError)
    [goodbye] = client.replica.received
    assert goodbye["reconnect"] is True
    assert goodbye["retryAfterMs"] > 0
    assert client.transport.closed[0] is CloseCode.RESTARTING


async def test_an_answer_that_fails_leaves_the_client_live(client, gate):
    await client.ask()
    await client.done()
    gate.close()
    gate.error = OSError("the database is down")
    await client.ask(limit=7)  # not the page that was read just before
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await create("meanwhile")
    await client.relay.refresh()
    gate.may_pass.set()
    replica = await client.done(OSError)
    gate.error = None
    assert not client.transport.is_closing
    assert names(replica) == ["meanwhile"]
    assert replica.state == await off_loop(database_state, {"everyone"})
    assert client.connection.cursor == replica.cursor == client.relay.position.cursor


async def behind(client):
    """Make a live client fall behind: it was sent `seen`, and `unseen` came after."""
    await client.resume()
    await client.done()
    client.stop_reading()
    await create("seen")
    await client.relay.refresh()
    assert client.connection.behind
    await create("unseen 1", "unseen 2")
    await client.relay.refresh()
    assert names(client.read()) == ["seen"]


async def test_a_client_that_reads_again_is_caught_up_from_the_log(client):
    await behind(client)
    client.read_again()
    await equal_to_the_database(client)
    assert names(client.replica) == ["seen", "unseen 1", "unseen 2"]
    assert client.replica.received[-1]["type"] == "sync_response"
    await create("live")
    await equal_to_the_database(client)
    assert client.replica.received[-1]["type"] == "event"


async def test_a_client_that_was_behind_gets_each_record_once_however_often_it_changed(client):
    await behind(client)
    for number in range(10):
        await off_loop(Project.objects.filter(name__startswith="unseen").update, name=f"u{number}")
        await off_loop(Project.objects.filter(name=f"u{number}").update, name="unseen")
    client.read_again()
    await equal_to_the_database(client)
    assert names(client.replica) == ["seen", "unseen", "unseen"]


async def test_a_client_that_has_not_caught_up_is_drained_without_cursors(client):
    await client.arrive()
    client.stop_reading()
    await create("seen")
    await client.relay.refresh()
    await create("unseen")
    client.read_again()
    replica = await client.done()
    assert names(replica) == ["seen", "unseen"]
    assert not any(message.get("cursor") for message in replica.received)
    assert client.connection.cursor is None


async def test_a_client_that_never_reads_is_told_to_come_back_and_closed(client, settings):
    settings.REALTIME = {"DRAIN_TIMEOUT": 0.05}
    await behind(client)
    replica = await client.done()
    goodbye = replica.received[-1]
    assert (goodbye["code"], goodbye["reconnect"]) == (4001, True)
    assert client.transport.closed[0] is CloseCode.SLOW
    assert client.connection.cursor is None


@pytest.mark.parametrize("asked", [{"tables": ["testapp_label"]}, {}])
async def test_a_client_that_falls_behind_as_it_asks_for_something_else_loses_nothing(
    client, settings, asked
):
    """The drain that waits must not be forgotten over the answer that comes before it."""
    await client.resume()
    await client.done()
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600, "RELAY_BATCH": 1}
    client.stop_reading()
    await create("seen", "unseen 1", "unseen 2")
    cursor = client.replica.cursor
    await client.ask(cursor=cursor, **asked)
    await client.transport.until(lambda transport: transport.frames)
    client.read_again()
    replica = await client.done()
    await off_loop(Label.objects.create, name="later")
    await client.relay.refresh()
    client.read()
    assert replica.state == await off_loop(database_state, {"everyone"})
    assert replica.cursor == client.relay.position.cursor


async def test_a_client_that_falls_behind_while_its_answer_waits_for_room_loses_nothing(
    client, monkeypatch
):
    """Holding for the answer must not end being behind."""
    waits = asyncio.Event()

    async def tell_and_wait(connection):
        waits.set()
        return await paging.drained(connection)

    await client.resume()
    await client.done()
    client.transport.unsent = FULL - 2
    monkeypatch.setattr(catchup, "drained", tell_and_wait)
    await client.ask(cursor=client.replica.cursor, tables=["testapp_label"])
    await asyncio.wait_for(waits.wait(), SECONDS)
    client.stop_reading()
    await create("seen", "unseen 1", "unseen 2")
    await client.relay.refresh()
    assert client.connection.behind
    client.read_again()
    replica = await client.done()
    await off_loop(Label.objects.create, name="later")
    await client.relay.refresh()
    client.read()
    assert replica.state == await off_loop(database_state, {"everyone"})
    assert replica.cursor == client.relay.position.cursor


@pytest.mark.usefixtures("small_pages")
async def test_pages_wait_for_a_client_that_does_not_read_them(client):
    await create(*"abcde")
    sent = client.transport.send
    client.transport.send = lambda frame: (sent(frame), client.stop_reading())
    await client.resume()
    await client.transport.until(lambda transport: transport.frames)
    await create("f")
    await client.relay.refresh()
    assert [page["hasMore"] for page in client.transport.messages] == [True]
    client.transport.send = sent
    client.read_again()
    await equal_to_the_database(client)
    assert names(client.replica) == list("abcdef")


async def test_a_page_never_splits_a_transaction(client, settings):
    settings.SYNC = settings.SYNC | {"PAGE_LIMIT": 3}
    await create("a", "b")
    many = [Team(name=str(number)) for number in range(3)]
    await off_loop(Team.objects.bulk_create, many)
    await client.resume()
    replica = await client.done()
    assert [len(page["changes"]) for page in replica.received] == [2, 3]
    assert replica.state == await off_loop(database_state, {"everyone"})
