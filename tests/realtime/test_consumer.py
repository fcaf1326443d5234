"""One client and a real Daphne: authentication, client ids, each message, each bad message."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
import websockets
from channels.testing import WebsocketCommunicator
from django.conf import settings as project
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from hubproject.models import Project, Task
from realtime import connections
from realtime.devices import create_device, revoke_device
from realtime.models import Device
from realtime.routing import websocket_application
from sync.models import LogHead
from tests.support.off_loop import eventually, off_loop
from tests.testapp.models import Memo, Team

SECONDS = 20
EVIL = "https://evil.example.org"


@pytest.fixture
def ada(transactional_db, django_user_model):
    return django_user_model.objects.get_or_create(username="ada")[0]


@pytest.fixture
def cookies(ada):
    """The cookies of a browser in which ada has logged in."""
    browser = Browser()
    browser.force_login(ada)
    name = project.SESSION_COOKIE_NAME
    return {name: browser.cookies[name].value}


@pytest.fixture
def own_origin(quick_hub):
    """The origin of the pages that the hub's own site serves."""
    return quick_hub.http_url


@pytest.fixture
def with_query(quick_hub):
    """The hub's address with a query."""
    return lambda query: SimpleNamespace(ws_url=f"{quick_hub.ws_url}?{query}")


class Socket:
    """A connection that shows each frame as it came."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def receive(self):
        return json.loads(await self.socket.recv())

    async def receive_until(self, kind):
        """Return all up to the first message of this type, which comes last."""
        found = [await self.receive()]
        while found[-1]["type"] != kind:
            found.append(await self.receive())
        return found


@contextlib.asynccontextmanager
async def socket_to(hub, token=None, **options):
    """Open a connection as any program would, with a token in the header."""
    headers = [("Authorization", f"Bearer {token}")] if token else []
    options.setdefault("additional_headers", headers)
    async with websockets.connect(
        hub.ws_url, proxy=None, open_timeout=SECONDS, **options
    ) as socket:
        yield Socket(socket)


async def create(*names):
    for name in names:
        await off_loop(Project.objects.create, name=name)


async def lives(client):
    """Show that the connection goes on."""
    return await client.ask({"type": "ping"})


# What a client may say


async def test_a_client_that_knows_only_the_oldest_form_works(quick_hub, token):
    before = timezone.now().isoformat()
    await create("first", "second")
    headers = [("Authorization", f"Bearer {token}"), ("x-client-id", "old-client")]
    async with socket_to(quick_hub, additional_headers=headers) as socket:
        await socket.send(type="ping")
        pong = await socket.receive()
        assert pong["type"] == "pong"
        await socket.send(type="sync_request", since=before)
        page = (await socket.receive_until("sync_response"))[-1]
        assert [change["data"]["name"] for change in page["changes"]] == ["first", "second"]
        assert [change["action"] for change in page["changes"]] == ["insert", "insert"]
        await create("third")
        event = (await socket.receive_until("event"))[-1]
        assert event["event"] == "project.created"
        assert event["data"]["data"]["name"] == "third"
        assert event["timestamp"] >= page["syncTimestamp"]
        await socket.send(type="sync_request", since=page["syncTimestamp"])
        again = (await socket.receive_until("sync_response"))[-1]
        assert [change["data"]["name"] for change in again["changes"]][-1] == "third"


async def test_a_hello_is_answered_with_what_the_client_has_to_know(quick_hub, connect, make_token):
    client = await connect(quick_hub, token=await off_loop(make_token, "ada", "team:1"))
    welcome = await client.hello(id="h1", clientId="laptop")
    head = await off_loop(LogHead.objects.get)
    assert welcome == {
        "type": "welcome",
        "id": "h1",
        "clientId": "laptop",
        "epoch": head.epoch,
        "audiences": ["everyone", "team:1"],
        "heartbeat": 25.0,
        "limits": {"messageBytes": 65536, "pageChanges": 500, "pageBytes": 262144},
    }


async def test_a_pong_has_the_id_of_its_ping_and_no_cursor_before_the_client_has_caught_up(
    quick_hub, connect, token
):
    await create("Move")
    client = await connect(quick_hub, token=token)
    await client.hello()
    pong = await client.ask({"type": "ping"})
    assert pong["type"] == "pong"
    assert pong["timestamp"].endswith("Z")
    assert "cursor" not in pong
    await client.sync()
    pong = await client.ask({"type": "ping", "cursor": client.cursor})
    assert pong["cursor"] == client.cursor
    await create("Order desks")
    event = await client.expect_event("project.created")
    assert (await client.ask({"type": "ping"}))["cursor"] == event["cursor"]


async def test_a_client_that_pages_has_no_cursor_of_the_connection_before_the_last_page(
    quick_hub, connect, token
):
    await create("a", "b", "c")
    client = await connect(quick_hub, token=token)
    await client.hello()
    page = await client.ask({"type": "sync_request", "limit": 2})
    assert (len(page["changes"]), page["hasMore"]) == (2, True)
    assert "cursor" not in await lives(client)
    page = await client.ask({"type": "sync_request", "limit": 2, "cursor": page["cursor"]})
    assert (len(page["changes"]), page["hasMore"]) == (1, False)
    assert (await lives(client))["cursor"] == page["cursor"]


async def test_a_limit_of_any_size_gives_a_page(quick_hub, connect, token):
    await create("Move")
    client = await connect(quick_hub, token=token)
    await client.hello()
    for limit in (1, 500, 2**63, 10**30):
        page = await client.ask({"type": "sync_request", "limit": limit})
        assert len(page["changes"]) == 1


async def test_a_hello_with_a_cursor_resumes(quick_hub, connect, token):
    await create("before")
    client = await connect(quick_hub, token=token)
    await client.join()
    await client.drop()
    await create("missed 1", "missed 2")
    await client.connect()
    cursor = client.cursor
    welcome = await client.hello()
    assert welcome["cursor"] == cursor
    page = await client.expect("sync_response")
    assert [change["data"]["name"] for change in page["changes"]] == ["missed 1", "missed 2"]
    assert (page["hasMore"], "id" in page, "reset" in page) == (False, False, False)
    await create("live")
    event = await client.expect_event("project.created")
    assert event["data"]["data"]["name"] == "live"
    assert (client.repeated, client.out_of_order) == (0, 0)


async def test_a_cursor_of_another_history_resumes_with_a_reset(quick_hub, connect, token):
    await create("Move")
    client = await connect(quick_hub, token=token, cursor="ffffffff-1-00000000")
    await client.hello()
    page = await client.expect("sync_response")
    assert page["reset"] is True
    assert [change["data"]["name"] for change in page["changes"]] == ["Move"]


async def test_a_batching_client_gets_the_events_of_a_moment_in_one_frame(quick_hub, token):
    def commit():
        with transaction.atomic():
            for name in "abc":
                Project.objects.create(name=name)

    async with socket_to(quick_hub, token) as socket:
        await socket.send(type="hello", batch=True)
        await socket.receive_until("welcome")
        await socket.send(type="sync_request")
        await socket.receive_until("sync_response")
        await off_loop(commit)
        [frame] = await socket.receive_until("events")
        assert [event["type"] for event in frame["events"]] == ["event"] * 3
        assert [event["data"]["data"]["name"] for event in frame["events"]] == list("abc")
        assert all(event["cursor"] for event in frame["events"])
        await create("alone")
        alone = await socket.receive()
        assert (alone["type"], alone["data"]["data"]["name"]) == ("event", "alone")


async def test_a_client_that_does_not_batch_gets_one_event_per_frame(quick_hub, token):
    async with socket_to(quick_hub, token) as socket:
        await socket.send(type="sync_request")
        await socket.receive_until("sync_response")
        await off_loop(Project.objects.bulk_create, [Project(name=name) for name in "abc"])
        for name in "abc":
            event = await socket.receive()
            assert (event["type"], event["data"]["data"]["name"]) == ("event", name)


async def test_a_client_may_narrow_to_some_tables(quick_hub, connect, token):
    client = await connect(quick_hub, token=token)
    await client.hello(tables=["tasks"])
    await client.sync()

    def write():
        project = Project.objects.create(name="not heard")
        Task.objects.create(project=project, title="heard")

    await off_loop(write)
    event = await client.expect_event("task.created")
    assert event["cursor"]
    assert {change["table"] for change in client.changes()} == {"tasks"}
    page = await client.ask({"type": "sync_request"})
    assert {change["table"] for change in page["changes"]} == {"tasks"}
    await client.send({"type": "sync_request", "tables": ["projects"], "id": "r"})
    assert (await client.expect_error("forbidden"))["id"] == "r"
    await lives(client)


async def test_narrowing_cannot_be_taken_back(quick_hub, connect, make_token):
    client = await connect(quick_hub, token=await off_loop(make_token, "ada", "team:1"))
    welcome = await client.hello(tables=["tasks", "projects"], audiences=["everyone"])
    assert welcome["audiences"] == ["everyone"]
    for wider in ({"tables": ["tasks", "teams"]}, {"audiences": ["everyone", "team:1"]}):
        await client.send({"type": "hello", "id": "wider"} | wider)
        assert (await client.expect_error("forbidden"))["id"] == "wider"
    assert (await client.hello())["audiences"] == ["everyone"]
    await client.send({"type": "sync_request", "audiences": ["team:1"]})
    await client.expect_error("forbidden")
    await client.hello(tables=["tasks"])
    await client.send({"type": "sync_request", "tables": ["projects"]})
    await client.expect_error("forbidden")


async def test_a_hello_that_is_refused_has_narrowed_nothing(quick_hub, connect, token):
    client = await connect(quick_hub, token=token)
    await client.hello()
    await client.send({"type": "hello", "tables": ["tasks"], "audiences": ["team:1"]})
    await client.expect_error("forbidden")
    page = await client.ask({"type": "sync_request", "tables": ["projects"]})
    assert page["changes"] == []


async def test_taking_a_client_id_later_does_not_take_narrowing_back(
    quick_hub, connect, make_token
):
    client = await connect(quick_hub, token=await off_loop(make_token, "ada", "team:1"))
    await client.hello(audiences=["everyone"])
    welcome = await client.hello(clientId="laptop", token=None)
    assert (welcome["clientId"], welcome["audiences"]) == ("laptop", ["everyone"])


async def test_what_others_hear_can_neither_be_heard_nor_asked_for(quick_hub, connect, make_token):
    def teams():
        return [Team.objects.create(name=name).pk for name in ("red", "blue")]

    red, blue = await off_loop(teams)
    client = await connect(quick_hub, token=await off_loop(make_token, "ada", f"team:{red}"))
    await client.hello()
    await client.sync()
    await off_loop(Memo.objects.create, team_id=blue, text="secret")
    await off_loop(Memo.objects.create, team_id=red, text="for red")
    event = await client.expect_event("memo.changed")
    assert event["data"]["data"]["text"] == "for red"
    await client.send({"type": "sync_request", "audiences": [f"team:{blue}"]})
    await client.expect_error("forbidden")
    await client.sync(since="2000-01-01T00:00:00Z")
    assert "secret" not in json.dumps(client.received)


# What a client cannot say

MALFORMED = {
    "text that is no JSON": ("nonsense", "invalid_json"),
    "an empty frame": ("", "invalid_json"),
    "half a message": ('{"type":"ping"', "invalid_json"),
    "a lone surrogate": ('{"type":"ping","id":"\\ud800"}', "invalid_json"),
    "deep nesting": ('{"type":"sync_request","since":' + "[" * 20_000, "invalid_json"),
    "deep nesting of objects": ('{"a":' * 10_000, "invalid_json"),
    "a JSON array": ('[{"type":"ping"}]', "invalid_message"),
    "deep nesting of arrays": ("[" * 30_000, "invalid_message"),
    "null": ("null", "invalid_message"),
    "no type": ("{}", "invalid_message"),
    "a type that is no text": ('{"type":{"a":1}}', "invalid_message"),
    "a huge number": ("9" * 10_000, "invalid_message"),
    "a huge number as id": ('{"type":"ping","id":' + "9" * 10_000 + "}", "invalid_message"),
    "a huge number as limit": (
        '{"type":"sync_request","limit":' + "9" * 10_000 + "}",
        "invalid_message",
    ),
    "a limit of nothing": ('{"type":"sync_request","limit":0}', "invalid_message"),
    "NUL in a name": ('{"type":"sync_request","tables":["\\u0000"]}', "invalid_message"),
    "an unknown type": ('{"type":"subscribe"}', "unknown_type"),
    "a message of the server": ('{"type":"welcome"}', "unknown_type"),
    "a handler of Channels": ('{"type":"websocket.disconnect"}', "unknown_type"),
    "200 KiB of padding": ('{"type":"ping"' + " " * 200 * 1024 + "}", "too_large"),
    "a huge text": ('{"type":"ping","id":"' + "x" * 70_000 + '"}', "too_large"),
    "many short characters that are many bytes": ('"' + "😀" * 17_000 + '"', "too_large"),
    "a binary frame": (b'{"type":"ping"}', "binary_unsupported"),
    "an empty binary frame": (b"", "binary_unsupported"),
    "binary rubbish": (bytes(range(256)), "binary_unsupported"),
}
MALFORMED_OF_MEMBERS = {
    "a since that is no time": ('{"type":"sync_request","since":"yesterday"}', "invalid_since"),
    "a since that is a number": ('{"type":"sync_request","since":5}', "invalid_since"),
    "a since beyond time": (
        '{"type":"sync_request","since":"0001-01-01T00:00:00+23:59"}',
        "invalid_since",
    ),
    "a since of NUL": ('{"type":"sync_request","since":"\\u0000"}', "invalid_since"),
    "a cursor of another make": ('{"type":"sync_request","cursor":"17"}', "invalid_cursor"),
    "an acknowledged cursor of another make": ('{"type":"ping","cursor":"x"}', "invalid_cursor"),
    "a hello with a cursor of another make": ('{"type":"hello","cursor":"x"}', "invalid_cursor"),
    "an audience of somebody else": (
        '{"type":"sync_request","audiences":["team:1","\\ud83d\\ude00"]}',
        "forbidden",
    ),
}
EVERYTHING_MALFORMED = MALFORMED | MALFORMED_OF_MEMBERS


async def one_error(client, frame, code):
    """Send a frame that must be answered with this one error, on a connection that lives."""
    before = len(client.received)
    await client.send(frame)
    error = await client.expect_error(code)
    assert error["message"]
    assert error["retryable"] is False
    assert client.received[before:] == [error]
    return error


@pytest.mark.parametrize(("frame", "code"), EVERYTHING_MALFORMED.values(), ids=EVERYTHING_MALFORMED)
async def test_a_bad_message_gets_one_error_and_the_connection_lives(
    quick_hub, connect, token, frame, code
):
    client = await connect(quick_hub, token=token, token_in="header")
    await lives(client)
    await one_error(client, frame, code)
    await lives(client)


async def test_all_bad_messages_in_a_row_cost_nobody_the_connection(quick_hub, connect, token):
    client = await connect(quick_hub)
    for frame, code in MALFORMED.values():
        await one_error(client, frame, code)
    await client.hello(token=token)
    await client.sync()
    await create("Move")
    await client.expect_event("project.created")


async def test_an_error_names_the_message_it_is_about(quick_hub, connect, token):
    client = await connect(quick_hub, token=token, token_in="header")
    for frame in (
        {"type": "nope", "id": "m1"},
        {"type": "ping", "cursor": 5, "id": "m1"},
        {"type": "ping", "cursor": "x", "id": "m1"},
        {"type": "sync_request", "since": "x", "id": "m1"},
        {"type": "sync_request", "audiences": ["team:1"], "id": "m1"},
        {"type": "hello", "cursor": "x", "id": "m1"},
    ):
        await client.send(frame)
        assert (await client.expect("error"))["id"] == "m1"


async def test_a_message_in_many_fragments_is_one_message(quick_hub, token):
    async with socket_to(quick_hub, token) as socket:
        await socket.socket.send(list('{"type":"ping","id":1}'))
        assert (await socket.receive())["id"] == 1


async def test_a_client_that_asks_too_much_is_told_so_and_each_request_is_answered_once(
    quick_hub, connect, token
):
    client = await connect(quick_hub, token=token)
    await client.hello()
    asked = set(range(300))
    for number in asked:
        await client.send({"type": "sync_request", "id": number})
    await client.wait_for(lambda found: len(found.received) > len(asked))
    answers = client.received[1:]
    assert {answer["id"] for answer in answers} == asked
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {(error["code"], error["retryable"]) for error in refused} == {("rate_limited", True)}
    served = [answer["id"] for answer in answers if answer["type"] == "sync_response"]
    assert served == sorted(served)
    assert served
    await lives(client)


# Who a client is


async def test_a_logged_in_page_of_the_site_needs_no_token(quick_hub, connect, cookies, own_origin):
    client = await connect(quick_hub, cookies=cookies, origin=own_origin)
    await client.sync()
    await create("Move")
    await client.expect_event("project.created")


async def test_a_token_in_the_header_needs_no_hello(quick_hub, connect, token):
    client = await connect(quick_hub, token=token, token_in="header")
    await client.sync()
    await create("Move")
    await client.expect_event("project.created")


async def test_a_token_in_hello_is_enough(quick_hub, connect, token):
    client = await connect(quick_hub, token=token)
    await client.join()
    await create("Move")
    await client.expect_event("project.created")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ping"},
        {"type": "sync_request"},
        {"type": "sync_request", "cursor": "nonsense"},
        {"type": "hello"},
        {"type": "hello", "cursor": "0123abcd-1-89abcdef"},
        {"type": "hello", "clientId": "laptop"},
    ],
)
async def test_who_has_not_said_who_it_is_is_asked_to(quick_hub, connect, token, message):
    client = await connect(quick_hub)
    await client.send(message | {"id": "m"})
    error = await client.expect_error("unauthenticated")
    assert error["id"] == "m"
    assert client.received == [error]
    await client.hello(token=token)


async def test_nobody_unauthenticated_receives_anything(quick_hub, connect, token):
    stranger = await connect(quick_hub, client_id="stranger")
    witness = await connect(quick_hub, token=token)
    await witness.join()
    await create("Move")
    await witness.expect_event("project.created")
    await stranger.send({"type": "ping", "id": "now"})
    error = await stranger.expect_error("unauthenticated")
    assert stranger.received == [error]


async def test_nobody_unauthenticated_is_in_the_list_of_connections(quick_hub, connect, token):
    await connect(quick_hub, client_id="stranger")
    client = await connect(quick_hub, token=token, client_id="laptop")
    welcome = await client.hello()
    found = await eventually(connections)
    assert [one.client_id for one in found] == [welcome["clientId"]] == ["laptop"]
    user = await off_loop(lambda: Device.objects.get().user_id)
    assert (found[0].user_id, found[0].address) == (str(user), "127.0.0.1")
    await client.close()
    await eventually(lambda: not connections())


async def test_who_never_says_who_it_is_is_sent_away_in_time(start_hub, connect, token):
    hub = start_hub(settings="tests.realtime.impatient_settings")
    member = await connect(hub, token=token)
    await member.hello()
    stranger = await connect(hub)
    goodbye = await stranger.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (4006, True)
    assert "0.3 seconds" in goodbye["reason"]
    assert await stranger.wait_closed() == (4006, goodbye["reason"])
    assert stranger.received == [goodbye]
    await lives(member)


def revoked(ada):
    device, token = create_device(ada, "lost")
    revoke_device(device)
    return token


def deactivated(ada):
    token = create_device(ada, "laptop")[1]
    type(ada).objects.update(is_active=False)
    return token


def invented(ada):
    return "hub_00000000_" + "A" * 43


def empty(ada):
    return ""


@pytest.mark.parametrize("token_in", ["hello", "header"])
@pytest.mark.parametrize("make", [revoked, deactivated, invented, empty])
async def test_a_bad_token_is_told_to_stay_away_and_closed(quick_hub, connect, ada, token_in, make):
    client = await connect(quick_hub, token=await off_loop(make, ada), token_in=token_in)
    if token_in == "hello":
        await client.send({"type": "hello", "token": client.token})
    goodbye = await client.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (4501, False)
    code, _ = await client.wait_closed()
    assert code == 4501
    assert client.received == [goodbye]


async def test_a_bad_token_is_not_healed_by_a_good_session(quick_hub, connect, cookies, own_origin):
    headers = {"Authorization": "Bearer hub_nonsense"}
    client = await connect(quick_hub, cookies=cookies, origin=own_origin, headers=headers)
    assert (await client.expect("goodbye"))["code"] == 4501


async def test_a_bad_token_later_ends_a_connection_that_was_a_users(quick_hub, connect, token):
    client = await connect(quick_hub, token=token)
    await client.hello()
    await client.send({"type": "hello", "token": "hub_nonsense"})
    assert (await client.expect("goodbye"))["code"] == 4501


async def test_another_kind_of_authorization_is_not_ours_to_refuse(quick_hub, connect, token):
    client = await connect(quick_hub, headers={"Authorization": "Basic YWRhOmFkYQ=="})
    await client.hello(token=token)


async def test_a_new_token_of_the_same_user_is_welcome(quick_hub, connect, token, ada):
    client = await connect(quick_hub, token=token)
    first = await client.hello()
    second = await client.hello(token=(await off_loop(create_device, ada, "again"))[1])
    assert first["clientId"] == second["clientId"]


async def test_a_connection_does_not_change_hands(quick_hub, connect, token, make_token):
    client = await connect(quick_hub, token=token)
    await client.hello()
    await client.send(
        {"type": "hello", "token": await off_loop(make_token, "grace"), "id": "other"}
    )
    assert (await client.expect_error("forbidden"))["id"] == "other"
    await lives(client)


@pytest.mark.parametrize("state", ["logged out", "deactivated", "never logged in"])
async def test_a_cookie_of_nobody_is_as_good_as_none(
    quick_hub, connect, cookies, own_origin, ada, state
):
    def spoil():
        if state == "logged out":
            from django.contrib.sessions.models import Session

            Session.objects.all().delete()
        elif state == "deactivated":
            type(ada).objects.update(is_active=False)
        else:
            cookies[project.SESSION_COOKIE_NAME] = "x" * 32

    await off_loop(spoil)
    client = await connect(quick_hub, cookies=cookies, origin=own_origin)
    await client.send({"type": "ping"})
    await client.expect_error("unauthenticated")


# Where a client comes from


@pytest.mark.parametrize("with_token", [True, False])
async def test_the_page_of_another_site_is_refused_with_403(
    quick_hub, connect, cookies, token, with_token
):
    options = {"token": token, "token_in": "header"} if with_token else {}
    with pytest.raises(InvalidStatus) as refused:
        await connect(quick_hub, origin=EVIL, cookies=cookies, **options)
    assert refused.value.response.status_code == 403
    assert f"foreign origin '{EVIL}'" in quick_hub.log_text()


async def test_two_origins_are_refused(quick_hub, own_origin, token):
    headers = [
        ("Origin", own_origin),
        ("Origin", EVIL),
        ("Authorization", f"Bearer {token}"),
    ]
    with pytest.raises(InvalidStatus) as refused:
        async with socket_to(quick_hub, additional_headers=headers):
            pass
    assert refused.value.response.status_code in {400, 403}


@pytest.mark.parametrize("origin", ["file://", "null", "app://planner", None])
async def test_a_shell_may_come_with_a_token_and_its_cookies_do_not_count(
    quick_hub, connect, cookies, token, origin
):
    client = await connect(quick_hub, origin=origin, cookies=cookies)
    await client.send({"type": "ping"})
    await client.expect_error("unauthenticated")
    await client.hello(token=token)
    by_header = await connect(quick_hub, origin=origin, token=token, token_in="header")
    await lives(by_header)


async def test_a_subprotocol_that_is_ours_is_chosen_and_no_other(quick_hub, token):
    async with socket_to(quick_hub, token, subprotocols=["other", "hub.v1"]) as socket:
        assert socket.socket.subprotocol == "hub.v1"
    async with socket_to(quick_hub, token, subprotocols=["other"]) as socket:
        assert socket.socket.subprotocol is None


async def test_a_path_that_nobody_serves_is_refused(quick_hub, token):
    nowhere = SimpleNamespace(ws_url=quick_hub.ws_url + "nowhere/")
    with pytest.raises(InvalidStatus) as refused:
        async with socket_to(nowhere, token):
            pass
    assert refused.value.response.status_code == 403


# What a client is called


async def test_the_header_beats_the_query_and_the_query_beats_hello(
    quick_hub, connect, token, with_query
):
    options = {"token": token}
    by_header = await connect(
        with_query("client_id=query"), headers={"X-Client-Id": "header"}, **options
    )
    assert (await by_header.hello(clientId="hello"))["clientId"] == "header"
    by_query = await connect(with_query("client_id=query"), **options)
    assert (await by_query.hello(clientId="hello"))["clientId"] == "query"
    by_hello = await connect(quick_hub, **options)
    assert (await by_hello.hello(clientId="hello"))["clientId"] == "hello"


async def test_a_client_without_an_id_is_given_one_that_it_can_use_again(quick_hub, connect, token):
    client = await connect(quick_hub, token=token)
    given = (await client.hello())["clientId"]
    assert (await client.hello())["clientId"] == given
    again = await connect(quick_hub, token=token, client_id=given)
    assert (await again.hello())["clientId"] == given


@pytest.mark.parametrize("how", ["cookie", "header", "header and hello"])
async def test_a_client_known_from_its_handshake_can_still_name_itself_in_hello(
    quick_hub, connect, cookies, own_origin, token, how
):
    options = {"cookies": cookies, "origin": own_origin}
    if how != "cookie":
        options = {"token": token, "token_in": "header"}
    client = await connect(quick_hub, **options)
    fields = {"token": token} if how == "header and hello" else {}
    assert (await client.hello(clientId="page", **fields))["clientId"] == "page"
    assert (await client.hello(clientId="other"))["clientId"] == "page"
    await eventually(lambda: [one.client_id for one in connections()] == ["page"])


@pytest.mark.parametrize("bad", ["a b", "ü", "x" * 65, "a/b", ""])
async def test_a_bad_client_id_costs_the_id_and_not_the_connection(quick_hub, connect, token, bad):
    client = await connect(quick_hub)
    await client.send({"type": "hello", "token": token, "clientId": bad})
    error = await client.expect_error("invalid_message")
    assert "1 to 64" in error["message"]
    welcome = await client.expect("welcome")
    assert welcome["clientId"].startswith("hub-")


async def test_a_bad_client_id_in_the_header_costs_the_id_and_not_the_connection(
    quick_hub, connect, token
):
    client = await connect(
        quick_hub, headers={"X-Client-Id": "a b"}, token=token, token_in="header"
    )
    await client.expect_error("invalid_message")
    assert (await client.hello())["clientId"].startswith("hub-")


@pytest.mark.parametrize("token_in", ["hello", "header"])
async def test_the_client_id_of_another_user_is_not_given(
    quick_hub, connect, token, make_token, token_in
):
    owner = await connect(quick_hub, token=token, client_id="laptop")
    assert (await owner.hello())["clientId"] == "laptop"
    thief = await connect(
        quick_hub,
        token=await off_loop(make_token, "grace"),
        token_in=token_in,
        client_id="laptop",
    )
    welcome = await thief.hello()
    assert welcome["clientId"] != "laptop"
    [error] = [message for message in thief.received if message["type"] == "error"]
    assert error["code"] == "forbidden"
    await lives(thief)


# Another server than Daphne


async def test_any_other_asgi_server_is_served_too(token):
    communicator = WebsocketCommunicator(websocket_application, "/ws/")
    connected, _ = await communicator.connect(timeout=SECONDS)
    assert connected
    await communicator.send_json_to({"type": "hello", "token": token})
    assert (await communicator.receive_json_from(SECONDS))["type"] == "welcome"
    await communicator.send_json_to({"type": "sync_request"})
    assert (await communicator.receive_json_from(SECONDS))["type"] == "sync_response"
    await create("Move")
    event = await communicator.receive_json_from(SECONDS)
    assert event["data"]["data"]["name"] == "Move"
    await communicator.send_to(bytes_data=b"\x00")
    assert (await communicator.receive_json_from(SECONDS))["code"] == "binary_unsupported"
    await communicator.send_json_to({"type": "hello", "token": "hub_nonsense"})
    assert (await communicator.receive_json_from(SECONDS))["code"] == 4501
    assert await communicator.receive_output(SECONDS) == {
        "type": "websocket.close",
        "code": 4501,
        "reason": "The token or code is not valid. Ask for a new one.",
    }
    await communicator.disconnect()
