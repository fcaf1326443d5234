"""Clients of a real Daphne that are too many, say too much or read too much."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest

from hubproject.models import Project
from realtime import connections
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied

PING = {"type": "ping", "id": "flood"}
OFFICE, HOME = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def limited_hub(start_hub):
    """Start a hub behind a trusted proxy, with these limits."""

    def start(**limits):
        usual = {"TICK": 0.05, "TRUSTED_PROXIES": ["127.0.0.1"]}
        return start_hub(**varied(REALTIME=usual | limits))

    return start


def through_proxy(address):
    return {"X-Forwarded-For": f"192.0.2.66, {address}"}


async def sent_away(client):
    """Return what a client is told that is not let in."""
    goodbye = await client.expect("goodbye")
    code, _ = await client.wait_closed()
    assert code == goodbye["code"]
    assert client.received == [goodbye]
    return goodbye


# How many there are


async def test_a_user_with_too_many_connections_is_told_to_stay_away(limited_hub, connect, token):
    hub = limited_hub(MAX_CONNECTIONS_PER_USER=2)
    first, second = [await connect(hub, token=token) for _ in range(2)]
    await first.hello()
    await second.hello()
    third = await connect(hub, token=token, token_in="header")
    goodbye = await sent_away(third)
    assert (goodbye["code"], goodbye["reconnect"]) == (4504, False)
    await first.ask({"type": "ping"})
    await second.close()
    await eventually(lambda: len(connections()) == 1)
    await (await connect(hub, token=token)).hello()


async def test_another_user_is_let_in_all_the_same(limited_hub, connect, token, make_token):
    hub = limited_hub(MAX_CONNECTIONS_PER_USER=1)
    await (await connect(hub, token=token)).hello()
    grace = await connect(hub, token=await off_loop(make_token, "grace"))
    await grace.hello()


async def test_an_address_with_too_many_connections_is_told_to_come_back_later(
    limited_hub, connect, token
):
    hub = limited_hub(MAX_CONNECTIONS_PER_ADDRESS=2)
    for _ in range(2):
        await (await connect(hub, token=token, headers=through_proxy(OFFICE))).hello()
    goodbye = await sent_away(await connect(hub, headers=through_proxy(OFFICE)))
    assert (goodbye["code"], goodbye["reconnect"]) == (4005, True)
    home = await connect(hub, token=token, headers=through_proxy(HOME))
    await home.hello()
    await eventually(lambda: sorted(one.address for one in connections()) == [HOME, OFFICE, OFFICE])


async def test_too_many_without_a_user_are_told_to_come_back_later(limited_hub, connect, token):
    hub = limited_hub(MAX_UNAUTHENTICATED=2)
    first, _ = [await connect(hub, token=token) for _ in range(2)]
    goodbye = await sent_away(await connect(hub))
    assert (goodbye["code"], goodbye["reconnect"]) == (4005, True)
    assert 500 <= goodbye["retryAfterMs"] <= 5000
    await first.hello()
    await (await connect(hub, token=token)).hello()


async def test_those_of_one_address_without_a_user_do_not_keep_the_others_out(
    limited_hub, connect, token
):
    hub = limited_hub(MAX_UNAUTHENTICATED_PER_ADDRESS=1)
    await connect(hub, headers=through_proxy(OFFICE))
    goodbye = await sent_away(await connect(hub, headers=through_proxy(OFFICE)))
    assert goodbye["code"] == 4005
    await (await connect(hub, token=token, headers=through_proxy(HOME))).hello()


@pytest.mark.parametrize("limit", ["MAX_CONNECTIONS_PER_USER", "MAX_CONNECTIONS_PER_ADDRESS"])
async def test_the_connections_of_another_process_count_and_are_asked_about_again(
    limited_hub, connect, token, limit
):
    hubs = [limited_hub(**{limit: 2}) for _ in range(2)]
    options = {"token": token, "headers": through_proxy(OFFICE)}
    for hub in hubs:
        await (await connect(hub, **options)).hello()
    await eventually(lambda: len(connections()) == 2)
    third = await connect(hubs[0], **options)
    await third.send({"type": "hello", "token": token})
    goodbye = await sent_away(third)
    assert (goodbye["code"], goodbye["reconnect"]) == (4005, True)
    assert goodbye["retryAfterMs"] >= 15_000


async def test_wrong_pairing_codes_are_counted_for_a_whole_network(limited_hub, connect):
    hub = limited_hub(PAIRING_ATTEMPTS=1)
    wrong = {"type": "hello", "pairingCode": "AAAA-AAAA"}
    first = await connect(hub, headers=through_proxy("2001:db8::1"))
    await first.send(wrong)
    assert (await sent_away(first))["code"] == 4501
    neighbour = await connect(hub, headers=through_proxy("2001:db8::2"))
    await neighbour.send(wrong)
    await neighbour.expect_error("rate_limited")


# How much they say


@pytest.mark.parametrize(
    "frame",
    [PING, "", b"", "x", b"\x00" * 1000, "x" * 100_000, PING | {"type": "sync_request"}],
    ids=["pings", "empty", "empty binary", "tiny", "binary", "too large", "requests"],
)
async def test_a_flood_gets_its_answers_one_error_and_then_silence(
    limited_hub, connect, token, frame
):
    hub = limited_hub(MESSAGE_RATE=5, MESSAGE_BURST=10)
    client = await connect(hub, token=token, token_in="header")
    witness = await connect(hub, token=token)
    await client.ask({"type": "ping"})
    began = time.monotonic()
    for _ in range(200):
        await client.send(frame)
    error = await client.expect_error("rate_limited")
    assert error["retryable"] and 0 < error["retryAfterMs"] <= 1000
    assert error.get("id") == ("flood" if isinstance(frame, dict) else None)
    await witness.join()
    await heard_again(client)
    seconds = int(time.monotonic() - began)  # in each it may have been good for a second again
    told = [one["code"] for one in client.received if one["type"] == "error"]
    assert 1 <= told.count("rate_limited") <= 1 + seconds
    assert len(client.received) <= (10 + 1 + 1) + (5 + 1) * seconds
    await off_loop(Project.objects.create, name="Move")
    await client.expect_event("project.created")
    await witness.expect_event("project.created")


async def heard_again(client):
    """Send pings, of which most are dropped, until one is answered."""
    while not any(one.get("id") == "again" for one in client.received):
        await client.send({"type": "ping", "id": "again"})
        with contextlib.suppress(AssertionError):
            await client.wait_for(
                lambda found: any(one.get("id") == "again" for one in found.received), 0.1
            )


@pytest.mark.parametrize("extra", [0, 1])
async def test_a_message_may_be_just_as_large_as_the_limit_in_bytes(
    limited_hub, connect, token, extra
):
    hub = limited_hub(MAX_MESSAGE_BYTES=1000)
    client = await connect(hub, token=token, token_in="header")
    text = json.dumps({"type": "ping", "id": "p", "note": "ü" * 200}, ensure_ascii=False)
    text += " " * (1000 + extra - len(text.encode()))
    await client.send(text)
    answer = await client.wait_for(lambda found: found.received and found.received[0])
    assert answer.get("code") == ("too_large" if extra else None)


# How much they read


async def test_who_has_read_too_much_waits_and_is_then_served(limited_hub, connect, token):
    await off_loop(Project.objects.create, name="Move")
    hub = limited_hub(SYNC_COST_RATE=2, SYNC_COST_BURST=1)
    client = await connect(hub, token=token, token_in="header")
    await client.ask({"type": "sync_request"})
    await client.send({"type": "sync_request", "id": "next"})
    error = await client.expect_error("rate_limited")
    assert error["id"] == "next"
    assert error["retryable"] and 0 < error["retryAfterMs"] <= 500
    await client.ask({"type": "ping"})
    await asyncio.sleep(error["retryAfterMs"] / 1000)  # as the error says
    await client.ask({"type": "sync_request"})


async def test_coming_back_by_hello_is_paid_for_as_well(limited_hub, connect, token):
    await off_loop(Project.objects.create, name="Move")
    hub = limited_hub(SYNC_COST_RATE=0.01, SYNC_COST_BURST=1)
    client = await connect(hub, token=token)
    await client.hello(cursor="ffffffff-1-00000000")
    await client.expect("sync_response")
    await client.send({"type": "hello", "cursor": "ffffffff-1-00000000", "id": "again"})
    assert (await client.expect_error("rate_limited"))["id"] == "again"
    await client.hello(cursor=None)


async def test_a_client_that_catches_up_page_after_page_is_not_slowed(quick_hub, connect, token):
    await off_loop(Project.objects.bulk_create, [Project(name=str(one)) for one in range(1000)])
    client = await connect(quick_hub, token=token)
    await client.hello()
    await client.sync(limit=5)
    pages = [one for one in client.received if one["type"] == "sync_response"]
    assert len(pages) == 200
    assert not [one for one in client.received if one["type"] == "error"]
