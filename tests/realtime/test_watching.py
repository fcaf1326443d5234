"""Pages that watch the history: told that the log has moved, and of nothing else."""

from __future__ import annotations

import functools

import pytest
import pytest_asyncio
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import Client as Browser

from realtime import client_count, connections, watching
from realtime.codes import CloseCode
from realtime.departures import Departure, store
from realtime.devices import create_device
from realtime.frames import Frame
from realtime.host_audiences import audiences_for
from realtime.messages import Hello, Ping, SyncRequest
from realtime.models import Client, Right
from tests.realtime import rows
from tests.realtime.test_introductions import Client as Talk
from tests.support.off_loop import off_loop
from tests.testapp.models import Memo, Owner, Team

ASKING = b"hear=history"
HERE = "tests.realtime.test_watching"
SESSION = b"sessionid=%s"


def audiences_of_nobody(user):
    return []


def audiences_that_claim(user):
    return [watching.HISTORY]


@pytest.fixture
def permission(transactional_db):
    return Permission.objects.get(content_type__app_label="sync", codename="view_synclog")


@pytest.fixture
def support(permission, django_user_model):
    """Somebody who may see the history."""
    user = django_user_model.objects.create(username="support", is_staff=True)
    user.user_permissions.add(permission)
    return user


@pytest_asyncio.fixture
async def open_page(running):
    """Open the connection that a page of a user makes, with the user's session."""
    opened = []

    async def open_page(user, query=ASKING, headers=None):
        browser = Browser()
        if headers is None:
            await off_loop(browser.force_login, user)
            headers = [(b"cookie", SESSION % browser.cookies["sessionid"].value.encode())]
        opened.append(Talk(running, headers, query))
        return await opened[-1].begin(cookies_count=True)

    yield open_page
    for one in opened:
        await one.conversation.end()


def hints(page):
    return [message for message in page.messages if message["type"] == "event"]


async def test_a_page_is_told_that_the_log_has_moved_and_nothing_more(open_page, support):
    page = await open_page(support)
    assert (await page.say(Hello()))["audiences"] == [watching.HISTORY]
    await off_loop(Owner.objects.create, name="Ada")
    await page.relay.refresh()
    [hint] = hints(page)
    assert hint == {
        "type": "event",
        "event": "history.moved",
        "data": None,
        "timestamp": hint["timestamp"],
    }


async def test_what_no_client_hears_is_hinted_at_as_well(open_page, support, settings):
    settings.SYNC = settings.SYNC | {"KEEP_UNCHANGED": True}
    page = await open_page(support)
    team = await off_loop(Team.objects.create, name="red")
    of_nobody = functools.partial(Memo.objects.create, team=team, text="nobody is in the team")
    for change in (of_nobody, team.save):
        before = len(hints(page))
        await off_loop(change)
        await page.relay.refresh()
        assert len(hints(page)) > before


async def test_a_log_that_stands_still_is_not_hinted_at(open_page, support):
    page = await open_page(support)
    for _ in range(3):
        await page.relay.refresh()
    assert hints(page) == []


async def test_many_changes_that_are_read_at_once_are_one_hint(open_page, support):
    page = await open_page(support)
    await off_loop(Owner.objects.bulk_create, [Owner(name=str(number)) for number in range(20)])
    await page.relay.refresh()
    assert len(hints(page)) == 1


async def test_where_nobody_watches_no_hint_is_made(running, monkeypatch):
    monkeypatch.setattr(watching, "hint", lambda: pytest.fail("nobody listens"))
    await off_loop(Owner.objects.create, name="Ada")
    await running.refresh()


async def test_other_connections_of_staff_hear_of_it_neither_in_their_welcome_nor_live(
    open_page, support
):
    client = await open_page(support, query=b"")
    assert watching.HISTORY not in (await client.say(Hello()))["audiences"]
    await off_loop(Owner.objects.create, name="Ada")
    await client.relay.refresh()
    assert [message["event"] for message in hints(client)] == ["owner.created"]
    refused = await client.say(Hello(audiences=[watching.HISTORY]))
    assert (refused["type"], refused["code"]) == ("error", "forbidden")


async def test_a_page_can_ask_for_no_record(open_page, support):
    page = await open_page(support)
    await off_loop(Owner.objects.create, name="Ada")
    assert (await page.say(Hello(audiences=["everyone"])))["code"] == "forbidden"
    assert (await page.say(Hello(tables=["testapp_owner"])))["code"] == "forbidden"
    await page.say(SyncRequest(id=7))
    await page.transport.until(
        lambda transport: any(one.get("id") == 7 for one in transport.messages)
    )
    [answer] = [one for one in page.messages if one.get("id") == 7]
    assert answer["changes"] == []


@pytest.mark.parametrize("fields", [{"is_staff": False}, {"is_superuser": False}])
async def test_who_may_not_see_the_history_is_sent_away_for_good(
    open_page, django_user_model, transactional_db, fields
):
    fields = {"is_staff": True, "is_superuser": True} | fields
    user = await off_loop(django_user_model.objects.create, username="ada", **fields)
    page = await open_page(user)
    assert page.messages[-1]["type"] == "goodbye"
    assert page.transport.closed[0] == CloseCode.REVOKED


async def test_a_page_needs_no_audience_of_the_hosts(open_page, support, settings):
    settings.SYNC = settings.SYNC | {"AUDIENCES": f"{HERE}.audiences_of_nobody"}
    page = await open_page(support)
    assert (await page.say(Ping()))["type"] == "pong"
    assert not await off_loop(Right.objects.exists)


def withdraw(support, permission):
    support.user_permissions.remove(permission)


def demote(support, permission):
    support.is_staff = False
    support.save()


def deactivate(support, permission):
    support.is_active = False
    support.save()


@pytest.mark.parametrize("lose", [withdraw, demote, deactivate])
async def test_who_loses_the_right_hears_of_nothing_that_follows(
    open_page, support, permission, lose
):
    page = await open_page(support)
    await off_loop(lose, support, permission)
    await off_loop(Owner.objects.create, name="Ada")
    assert await page.closed() == CloseCode.REVOKED
    assert hints(page) == []


async def test_a_right_that_a_group_gave_and_takes_counts_too(
    open_page, permission, django_user_model
):
    user = await off_loop(django_user_model.objects.create, username="ada", is_staff=True)
    group = await off_loop(Group.objects.create, name="support")
    await off_loop(group.permissions.add, permission)
    await off_loop(user.groups.add, group)
    page = await open_page(user)
    assert (await page.say(Ping()))["type"] == "pong"
    await off_loop(group.permissions.remove, permission)
    assert await page.closed() == CloseCode.REVOKED


async def test_a_page_that_was_looked_up_again_goes_on(open_page, support):
    page = await open_page(support)
    assert await page.lives()
    await off_loop(Owner.objects.create, name="Ada")
    await page.relay.refresh()
    assert len(hints(page)) == 1


async def test_a_page_that_missed_hints_is_sent_a_page(open_page, support):
    """Hints are lost on who does not read; an empty page says that there were some."""
    page = await open_page(support)
    page.connection.fall_behind()
    await off_loop(Owner.objects.create, name="Ada")
    await page.transport.until(
        lambda transport: any(one["type"] == "sync_response" for one in transport.messages)
    )
    assert [one["changes"] for one in page.messages if one["type"] == "sync_response"] == [[]]


async def test_a_token_for_some_audiences_alone_opens_no_page(open_page, support):
    _, token = await off_loop(create_device, support, "limited", audiences=["everyone"])
    header = [(b"authorization", f"Bearer {token}".encode())]
    page = await open_page(support, headers=header)
    assert page.transport.closed[0] == CloseCode.REVOKED


async def test_a_message_of_the_host_does_not_reach_a_page(open_page, support):
    page = await open_page(support)
    page.relay.message(Frame('{"type":"event","event":"to all"}'), "everyone", None)
    await page.relay.refresh()
    assert hints(page) == []


def test_the_host_can_give_the_audience_to_nobody(settings, support):
    settings.SYNC = {"AUDIENCES": f"{HERE}.audiences_that_claim"}
    with pytest.raises(ImproperlyConfigured, match="hub:history"):
        audiences_for(support)


def test_a_page_that_has_gone_leaves_no_client_behind(support):
    seen = rows.seen(1, client_id="hub-0123456789abcdef-" + "0" * 32, user_id=str(support.pk))
    watcher = rows.seen(
        2,
        client_id="hub-fedcba9876543210-" + "0" * 32,
        user_id=str(support.pk),
        asked=(watching.HISTORY,),
    )
    store([Departure(one, "", one.connected_at) for one in (seen, watcher)])
    assert list(Client.objects.values_list("client_id", flat=True)) == [seen.client_id]


@pytest.mark.django_db
def test_a_page_is_a_connection_and_no_client():
    rows.row("laptop")
    rows.row("narrow", asked=["team:1"])
    rows.row("page", asked=[watching.HISTORY])
    assert len(connections()) == 3
    assert client_count() == 2


@pytest.mark.parametrize(
    ("address", "asking"),
    [
        ("/ws/", "/ws/?hear=history"),
        ("wss://hub.example.org/ws/?a=b", "wss://hub.example.org/ws/?a=b&hear=history"),
    ],
)
def test_the_address_asks_for_the_hints(address, asking):
    assert watching.asking(address) == asking


@pytest.mark.parametrize(
    ("query", "asks"),
    [(b"hear=history", True), (b"", False), (b"hear=all", False), (b"x=\xff&hear=history", True)],
)
def test_a_handshake_asks_or_does_not(query, asks):
    assert watching.is_asked_for({"query_string": query}) is asks
