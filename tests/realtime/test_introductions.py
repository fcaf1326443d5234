"""Who a client says it is: tokens, codes, new tokens, and how each of them ends."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections import Counter
from itertools import zip_longest
from types import SimpleNamespace

import pytest
import pytest_asyncio
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.utils import timezone

from realtime import auth, device_grants, introducing, refresh, sightings
from realtime.attempts import attempts
from realtime.codes import CloseCode
from realtime.connection import Connection
from realtime.conversation import Conversation
from realtime.devices import create_device, revoke_device, rotate_device
from realtime.errors import Revoked
from realtime.expiry import Expiry
from realtime.messages import Hello, Ping, encode
from realtime.models import Device
from realtime.pairing import pair_device
from realtime.relay import relay
from tests.realtime import test_device_grants, test_pairing
from tests.realtime.conftest import finish_database_work
from tests.realtime.doubles import RecordingTransport
from tests.realtime.test_expiry import Loop
from tests.support.off_loop import off_loop

HERE = "tests.realtime.test_introductions"
HOME = "192.0.2.7"
STORM = 30
HOUR = datetime.timedelta(hours=1)
OWN = "a token of the host"
host = SimpleNamespace(answer=None)


def authenticate(token, scope):
    if isinstance(host.answer, Exception):
        raise host.answer
    return host.answer


class Client:
    """A conversation, and what its client was sent."""

    def __init__(self, relay, headers=(), query=b""):
        scope = {"headers": list(headers), "query_string": query, "client": [HOME, 50000]}
        self.transport = RecordingTransport()
        self.connection = Connection(self.transport)
        self.conversation = Conversation(scope, self.connection, relay)
        self.relay = relay

    @property
    def messages(self):
        return self.transport.messages

    @property
    def wire(self):
        """Everything that was sent, as it was, and how it ended."""
        return [frame.text for frame in self.transport.frames], self.transport.closed

    @property
    def grant(self):
        return self.connection.identity.grant

    async def begin(self, **options):
        await self.conversation.begin(**({"cookies_count": False} | options))
        return self

    async def say(self, message):
        """Say something; returns the last message that was sent."""
        await self.conversation.answer(message)
        return self.messages[-1] if self.messages else None

    async def closed(self):
        """Return the code of the close, once the relay has looked."""
        await self.relay.refresh()
        await self.transport.until(lambda transport: transport.closed)
        return int(self.transport.closed[0])

    async def lives(self):
        """Tell whether the connection goes on once its rights have been looked up."""
        await self.relay.refresh()
        await self.conversation._access.confirm()
        return (await self.say(Ping()))["type"] == "pong"


@pytest.fixture(autouse=True)
def no_attempts():
    attempts.clear()
    yield
    attempts.clear()


@pytest.fixture
def host_tokens(settings):
    settings.REALTIME = {"AUTHENTICATE": f"{HERE}.authenticate"}


@pytest.fixture
def ada(transactional_db, django_user_model):
    user = django_user_model.objects.create(username="ada")
    for name in ("team:1", "team:2"):
        user.groups.add(Group.objects.create(name=name))
    Group.objects.create(name="team:3")
    return user


@pytest_asyncio.fixture
async def open_client(running):
    """Open a connection with these headers; all end with the test."""
    opened = []

    async def open_client(headers=(), query=b"", **options):
        opened.append(Client(running, headers, query))
        return await opened[-1].begin(**options)

    yield open_client
    for one in opened:
        await one.conversation.end()


@pytest_asyncio.fixture
async def client(open_client):
    return await open_client()


def header(token):
    return [(b"authorization", f"Bearer {token}".encode())]


def known(ada, **fields):
    """A device and its token."""
    return create_device(ada, "laptop", **fields)


# Pairing


async def test_a_pairing_code_is_answered_with_the_token_of_its_device_once(client, ada):
    device, code = await off_loop(pair_device, ada, "tablet")
    welcome = await client.say(Hello(pairing_code=code.lower(), client_id="tablet-1"))
    assert (welcome["type"], welcome["clientId"]) == ("welcome", "tablet-1")
    token = welcome["deviceToken"]
    assert await off_loop(device_grants.device_of_token, token) == device
    assert client.grant.device_id == device.pk
    assert "deviceToken" not in await client.say(Hello())
    assert await client.lives()


async def test_a_paired_client_comes_back_with_its_token(client, open_client, ada):
    _, code = await off_loop(pair_device, ada, "tablet")
    token = (await client.say(Hello(pairing_code=code)))["deviceToken"]
    again = await open_client()
    assert (await again.say(Hello(token=token)))["type"] == "welcome"


async def test_a_code_that_was_used_is_refused_as_a_bad_token(client, open_client, ada):
    _, code = await off_loop(pair_device, ada, "tablet")
    await client.say(Hello(pairing_code=code))
    late = await open_client()
    assert (await late.say(Hello(pairing_code=code)))["code"] == 4501
    assert late.transport.closed[0] == 4501
    assert await client.lives()


async def test_too_many_wrong_codes_are_told_to_wait_and_cost_no_connection(
    open_client, ada, settings
):
    settings.REALTIME = {"PAIRING_ATTEMPTS": 2}
    _, code = await off_loop(pair_device, ada, "tablet")
    for _ in range(2):
        guessing = await open_client()
        assert (await guessing.say(Hello(pairing_code="0000-0000")))["code"] == 4501
    client = await open_client()
    error = await client.say(Hello(pairing_code=code, id="p"))
    assert (error["code"], error["retryable"], error["id"]) == ("rate_limited", True, "p")
    assert client.transport.closed is None
    attempts.clear()
    assert "deviceToken" in await client.say(Hello(pairing_code=code))


async def test_who_is_connected_cannot_pair_and_the_code_stays_good(client, open_client, ada):
    _, token = await off_loop(known, ada)
    _, code = await off_loop(pair_device, ada, "tablet")
    await client.say(Hello(token=token))
    assert (await client.say(Hello(pairing_code=code)))["code"] == "forbidden"
    assert await client.lives()
    other = await open_client()
    assert "deviceToken" in await other.say(Hello(pairing_code=code))


async def test_a_code_and_a_token_together_are_a_mistake(client, ada):
    _, code = await off_loop(pair_device, ada, "tablet")
    error = await client.say(Hello(pairing_code=code, token="hub_nonsense"))
    assert error["code"] == "invalid_message"
    assert "deviceToken" in await client.say(Hello(pairing_code=code))


# Failures tell nothing


@pytest.mark.parametrize("token_in", ["hello", "header"])
async def test_whatever_opens_nothing_is_answered_with_the_same_bytes(open_client, ada, token_in):
    tokens = [await off_loop(make, ada) for make in test_device_grants.REFUSED]
    answers = []
    for token in tokens:
        client = await open_client(header(token) if token_in == "header" else ())
        if token_in == "hello":
            await client.say(Hello(token=token, id="same"))
        answers.append(client.wire)
    for make in test_pairing.REFUSED:
        client = await open_client()
        await client.say(Hello(pairing_code=await off_loop(make, ada), id="same"))
        answers.append(client.wire)
        attempts.clear()
    assert len(answers) == len(test_device_grants.REFUSED) + len(test_pairing.REFUSED)
    assert all(answer == answers[0] for answer in answers)
    [[goodbye], (code, _)] = answers[0]
    assert '"code":4501' in goodbye
    assert code == 4501


async def test_a_storm_is_looked_up_together_and_each_is_told_what_it_would_be_told_alone(
    open_client, ada, monkeypatch
):
    calls = Counter()

    def counted(module, name):
        function = getattr(module, name)

        def count(asked):
            calls[name] += 1
            return function(asked)

        monkeypatch.setattr(module, name, count)

    good = [(await off_loop(known, ada))[1] for _ in range(STORM)]
    bad = [await off_loop(make, ada) for make in test_device_grants.REFUSED]
    alone = await open_client()
    await alone.say(Hello(token=bad[0], id="same"))
    counted(auth, "token_grants")
    counted(introducing, "introduce_all")
    counted(sightings, "saw_all")
    tokens = [token for pair in zip_longest(good, bad) for token in pair if token is not None]
    clients = {token: await open_client() for token in tokens}
    await asyncio.gather(
        *(one.say(Hello(token=token, id="same")) for token, one in clients.items())
    )
    for token in good:
        assert clients[token].messages[0]["type"] == "welcome"
        assert clients[token].grant.user == ada
    assert len({clients[token].grant.device_id for token in good}) == len(good)
    assert [clients[token].wire for token in bad] == [alone.wire] * len(bad)
    assert set(calls) == {"token_grants", "introduce_all", "saw_all"}
    assert max(calls.values()) <= 3


async def test_those_of_whom_there_is_news_on_arrival_are_looked_at_again_together(
    open_client, ada, monkeypatch
):
    renewed, introduced = [], []
    introduce_all = introducing.introduce_all

    def renewing(renewals):
        renewed.append(len(renewals))
        return together(renewals)

    def introducing_with_news(newcomers):
        if not introduced:
            refresh(ada.pk)
        introduced.extend(newcomers)
        return introduce_all(newcomers)

    together = device_grants._Renewal.together
    monkeypatch.setattr(device_grants._Renewal, "together", staticmethod(renewing))
    monkeypatch.setattr(introducing, "introduce_all", introducing_with_news)
    tokens = [(await off_loop(known, ada))[1] for _ in range(STORM)]
    clients = [await open_client() for _ in tokens]
    await asyncio.gather(
        *(one.say(Hello(token=token)) for one, token in zip(clients, tokens, strict=True))
    )
    assert {one.messages[0]["type"] for one in clients} == {"welcome"}
    assert sum(renewed) >= 1
    assert len(renewed) <= 3


async def test_who_comes_before_the_relay_has_looked_is_looked_up_once(
    transactional_db, ada, monkeypatch
):
    """After a restart everybody does."""
    asked = []
    introduce_all = introducing.introduce_all

    def note(newcomers):
        asked.extend(newcomers)
        return introduce_all(newcomers)

    monkeypatch.setattr(introducing, "introduce_all", note)
    tokens = [(await off_loop(known, ada))[1] for _ in range(STORM)]
    async with relay() as unread:
        assert not unread.looks
        clients = [await Client(unread).begin() for _ in tokens]
        await asyncio.gather(
            *(one.say(Hello(token=token)) for one, token in zip(clients, tokens, strict=True))
        )
        assert {one.messages[0]["type"] for one in clients} == {"welcome"}
        assert len(asked) == len(clients)
        for one in clients:
            await one.conversation.end()
    await asyncio.to_thread(finish_database_work)


async def test_a_client_that_gives_up_before_its_turn_is_not_looked_up(
    open_client, ada, monkeypatch, caplog
):
    _, token = await off_loop(known, ada)
    client = await open_client()
    looked_up, grants = [], auth.token_grants

    def grant_and_go(asked):
        client.transport.closed = (CloseCode.NORMAL, "")
        return grants(asked)

    monkeypatch.setattr(auth, "token_grants", grant_and_go)
    monkeypatch.setattr(introducing, "introduce_all", lambda asked: looked_up.append(asked))
    await client.say(Hello(token=token))
    assert (client.messages, looked_up, client.connection.identity) == ([], [], None)
    assert client.connection not in client.relay.connections
    assert not caplog.records


@pytest.mark.parametrize("token_in", ["hello", "header"])
async def test_a_token_of_the_host_that_opens_nothing_is_no_different(
    open_client, ada, host_tokens, token_in, django_user_model
):
    gone = await off_loop(django_user_model.objects.create, username="gone", is_active=False)
    answers = []
    for answer, token in ((None, OWN), (gone, OWN), (None, f"hub_00000000_{'A' * 43}")):
        host.answer = answer
        client = await open_client(header(token) if token_in == "header" else ())
        if token_in == "hello":
            await client.say(Hello(token=token))
        answers.append(client.wire)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][1][0] == 4501


async def test_an_audience_that_is_not_the_devices_is_refused_as_one_that_does_not_exist(
    client, ada
):
    _, token = await off_loop(known, ada, audiences=["team:1", "team:3"])
    assert (await client.say(Hello(token=token)))["audiences"] == ["team:1"]
    answers = set()
    for name in ("team:2", "team:3", "everyone", "team:4711", ""):
        client.transport.frames.clear()
        await client.say(Hello(audiences=[name], id="same"))
        answers.add(client.transport.frames[0].text)
    assert len(answers) == 1
    assert '"forbidden"' in answers.pop()


async def test_a_host_that_fails_is_no_bad_token(open_client, ada, host_tokens, caplog):
    host.answer = ValueError("the password is hunter2")
    client = await open_client()
    await client.say(Hello(token=OWN, id="h"))
    error, goodbye = client.messages
    assert (error["code"], error["retryable"], error["id"]) == ("internal", True, "h")
    assert (goodbye["code"], goodbye["reconnect"]) == (4000, True)
    assert "hunter2" not in error["message"]
    assert "hunter2" in caplog.text
    assert OWN not in caplog.text


async def test_an_answer_of_the_host_that_is_none_is_named_in_the_log(
    open_client, ada, host_tokens, caplog
):
    host.answer = (ada, OWN)
    client = await open_client(header(OWN))
    assert client.messages[0]["code"] == "internal"
    assert "must return a saved user, None or realtime.Authenticated" in caplog.text
    assert "tuple is none of these" in caplog.text
    assert OWN not in caplog.text


def test_messages_do_not_show_the_secrets_in_them():
    hello = Hello(token="hub_secret", pairing_code="0000-0000")
    assert repr(hello) == "<hello>"
    assert "hub_secret" in encode(hello)


async def test_a_token_in_the_url_counts_for_nothing(open_client, ada):
    _, token = await off_loop(known, ada)
    client = await open_client(query=f"token={token}&access_token={token}".encode())
    assert (await client.say(Ping()))["code"] == "unauthenticated"
    assert (await client.say(Hello()))["code"] == "unauthenticated"


async def test_no_secret_is_logged_whatever_comes_of_it(open_client, ada, host_tokens, caplog):
    caplog.set_level(logging.DEBUG)
    host.answer = None
    tokens = [OWN, (await off_loop(known, ada))[1]]
    tokens += [await off_loop(make, ada) for make in test_device_grants.REFUSED]
    for token in tokens:
        await open_client(header(token))
        await (await open_client()).say(Hello(token=token))
    codes = [(await off_loop(pair_device, ada, "tablet"))[1]]
    codes += [await off_loop(make, ada) for make in test_pairing.REFUSED]
    for code in codes:
        await (await open_client()).say(Hello(pairing_code=code))
        attempts.clear()
    host.answer = ValueError("out of order")
    await open_client(header(OWN))
    assert "out of order" in caplog.text
    assert [secret for secret in (*tokens, *codes) if secret and secret in caplog.text] == []


# A new token on the same connection


async def test_a_new_token_takes_the_place_of_the_former_one(client, ada):
    moment = timezone.now() + HOUR
    former, token = await off_loop(known, ada)
    other, later = await off_loop(known, ada, expires_at=moment)
    assert "tokenExpiresAt" not in await client.say(Hello(token=token))
    welcome = await client.say(Hello(token=later))
    expires_at = datetime.datetime.fromisoformat(welcome["tokenExpiresAt"])
    assert abs(expires_at - moment) < datetime.timedelta(milliseconds=1)
    assert client.grant.device_id == other.pk
    await off_loop(revoke_device, former)
    assert await client.lives()
    await off_loop(revoke_device, other)
    assert await client.closed() == 4503


async def test_a_device_of_fewer_audiences_narrows_what_is_heard(client, ada):
    _, token = await off_loop(known, ada)
    _, narrower = await off_loop(known, ada, audiences=["team:1"])
    assert (await client.say(Hello(token=token)))["audiences"] == ["everyone", "team:1", "team:2"]
    welcome = await client.say(Hello(token=narrower))
    assert welcome["audiences"] == ["team:1"]
    [told] = [message for message in client.messages if message["type"] == "audiences"]
    assert told["lost"] == ["everyone", "team:2"]
    assert client.connection.permitted == {"team:1"}


async def test_a_token_of_another_user_changes_nothing(client, ada, django_user_model):
    grace = await off_loop(django_user_model.objects.create, username="grace")
    _, token = await off_loop(known, ada)
    _, others = await off_loop(known, grace)
    await client.say(Hello(token=token))
    before = client.grant
    assert (await client.say(Hello(token=others)))["code"] == "forbidden"
    assert client.grant is before


async def test_a_name_that_comes_with_a_new_token_keeps_the_new_token(open_client, ada):
    _, token = await off_loop(known, ada)
    other, later = await off_loop(known, ada)
    client = await open_client(header(token))
    await client.say(Hello(token=later, client_id="laptop-1"))
    assert client.connection.identity.client_id == "laptop-1"
    assert client.grant.device_id == other.pk


async def test_what_is_found_out_late_about_the_former_token_ends_nothing(client, ada):
    _, token = await off_loop(known, ada)
    _, later = await off_loop(known, ada)
    await client.say(Hello(token=token))
    question = client.connection.ask()
    await client.say(Hello(token=later))
    client.connection.on_confirmed(Revoked("the former token"), question)
    assert client.transport.closed is None
    assert client.connection.permitted


async def test_a_new_token_that_cannot_be_looked_up_is_looked_up_soon(client, ada):
    _, token = await off_loop(known, ada)
    other, later = await off_loop(known, ada)
    await client.say(Hello(token=token))

    async def fail(identity):
        raise OSError("no connection")

    confirm, client.connection.confirm = client.connection.confirm, fail
    assert (await client.say(Hello(token=later)))["code"] == "internal"
    assert client.connection.confirmed_at == 0.0
    client.connection.confirm = confirm
    await off_loop(revoke_device, other)
    assert await client.closed() == 4503


# The end


async def test_a_client_is_warned_and_sent_away_when_its_token_ends(open_client, ada):
    loop = Loop()
    loop.now = timezone.now()
    _, token = await off_loop(known, ada, expires_at=loop.now + HOUR)
    _, later = await off_loop(known, ada, expires_at=loop.now + 2 * HOUR)
    client = await open_client()
    client.conversation._arrival._expiry = Expiry(client.connection, loop.clock, loop.call_later)
    await client.say(Hello(token=token))
    loop.advance(3541)
    assert client.messages[-1]["type"] == "token_expiring"
    await client.say(Hello(token=later))
    loop.advance(3000)
    assert client.transport.closed is None
    loop.advance(700)
    assert [message["type"] for message in client.messages][-2:] == ["token_expiring", "goodbye"]
    assert client.transport.closed[0] == 4003


async def test_the_timer_ends_with_the_connection(open_client, ada):
    loop = Loop()
    loop.now = timezone.now()
    _, token = await off_loop(known, ada, expires_at=loop.now + HOUR)
    client = await open_client()
    client.conversation._arrival._expiry = Expiry(client.connection, loop.clock, loop.call_later)
    await client.say(Hello(token=token))
    assert len(loop.waiting) == 1
    await client.conversation.end()
    assert loop.waiting == []


def take_back(device):
    revoke_device(device)


def deactivate(device):
    device.user.is_active = False
    device.user.save()


def delete(device):
    device.delete()


def rotate_twice(device):
    rotate_device(device)
    rotate_device(device)


def expire(device):
    device.expires_at = timezone.now()
    device.save()


@pytest.mark.parametrize(
    ("end", "code"),
    [(take_back, 4503), (deactivate, 4503), (delete, 4503), (rotate_twice, 4503), (expire, 4003)],
)
async def test_a_connection_ends_with_what_let_it_in(no_tick, client, open_client, ada, end, code):
    device, token = await off_loop(known, ada)
    await client.say(Hello(token=token))
    await off_loop(end, await off_loop(Device.objects.select_related("user").get))
    assert await client.closed() == code
    goodbye = client.messages[-1]
    assert (goodbye["code"], goodbye["reconnect"]) == (code, code < 4500)
    assert client.connection.permitted == frozenset()


async def test_other_devices_of_the_user_go_on(client, open_client, ada):
    lost, token = await off_loop(known, ada)
    _, other = await off_loop(known, ada)
    kept = await open_client()
    await client.say(Hello(token=token))
    await kept.say(Hello(token=other))
    await off_loop(revoke_device, lost)
    assert await client.closed() == 4503
    assert await kept.lives()


async def test_a_rotated_token_has_an_end_from_then_on(client, ada):
    device, token = await off_loop(known, ada)
    await client.say(Hello(token=token))
    await off_loop(rotate_device, device)
    assert await client.lives()
    assert "tokenExpiresAt" in await client.say(Hello())


async def test_a_page_is_closed_when_its_user_logs_out(open_client, ada):
    browser = Browser()
    await off_loop(browser.force_login, ada)
    [morsel] = browser.cookies.values()
    cookie = [(b"cookie", f"{morsel.key}={morsel.value}".encode())]
    client = await open_client(cookie, cookies_count=True)
    assert await client.lives()
    await off_loop(browser.logout)
    assert await client.closed() == 4503


async def test_a_token_that_the_host_takes_back_ends_when_it_says_so(client, ada, host_tokens):
    host.answer = ada
    await client.say(Hello(token=OWN))
    host.answer = None
    await off_loop(refresh, ada)
    assert await client.closed() == 4503


# What clients say of themselves


async def test_what_a_client_says_of_itself_is_kept_with_its_device(client, ada):
    _, token = await off_loop(known, ada)
    await client.say(Hello(token=token, app_version="1.2.0", platform="windows"))
    device = await off_loop(Device.objects.get)
    assert (device.app_version, device.platform, device.address) == ("1.2.0", "windows", HOME)
    assert device.last_seen_at is not None


async def test_a_client_with_a_token_in_the_header_may_say_so_later(open_client, ada):
    _, token = await off_loop(known, ada)
    client = await open_client(header(token))
    assert (await off_loop(Device.objects.get)).address == HOME
    await client.say(Hello(app_version="1.2.0"))
    assert (await off_loop(Device.objects.get)).app_version == "1.2.0"


async def test_a_user_without_a_device_says_it_to_the_connection_alone(client, ada, host_tokens):
    host.answer = ada
    await client.say(Hello(token=OWN, platform="windows"))
    assert client.connection.platform == "windows"
    assert not await off_loop(Device.objects.exists)
