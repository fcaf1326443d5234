"""A device from its code to its end, with a real server and another process that decides."""

from __future__ import annotations

import asyncio

import pytest
from django.utils import timezone

from realtime.devices import rotate_device
from realtime.models import Device
from tests.support.manage import manage
from tests.support.off_loop import POLL_SECONDS, off_loop

SECONDS = 20


@pytest.fixture
def ada(transactional_db, django_user_model):
    return django_user_model.objects.create(username="ada")


async def test_a_device_pairs_comes_back_and_is_closed_when_it_is_revoked(hub, connect, ada):
    code = (await off_loop(manage, "hub_device", "pair", "ada", "tablet")).stdout.strip()
    client = await connect(hub)
    token = (await client.hello(pairingCode=code, platform="ios"))["deviceToken"]
    await client.close()

    client = await connect(hub, token=token)
    await client.join()
    prefix = (await off_loop(Device.objects.get)).prefix
    await off_loop(manage, "hub_device", "revoke", prefix)
    goodbye = await client.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (4503, False)
    assert (await client.wait_closed())[0] == 4503

    client = await connect(hub, token=token)
    await client.send({"type": "hello", "token": token})
    assert (await client.expect("goodbye"))["code"] == 4501


async def test_a_device_whose_token_was_rotated_goes_on_with_the_new_one(hub, connect, make_token):
    client = await connect(hub, token=await off_loop(make_token))
    await client.join()
    device = await off_loop(Device.objects.get)
    token = await off_loop(rotate_device, device)
    assert "tokenExpiresAt" not in await client.hello(token=token)
    await off_loop(rotate_device, device)  # the token it came with first is useless from now on
    async with asyncio.timeout(SECONDS):
        while "tokenExpiresAt" not in await client.hello(token=None):  # noqa: ASYNC110
            # The hub has not looked at the second yet; asking at once would exceed MESSAGE_RATE.
            await asyncio.sleep(POLL_SECONDS)
    await off_loop(rotate_device, device)
    goodbye = await client.expect("goodbye")
    assert goodbye["code"] == 4503
    token = await off_loop(rotate_device, device)
    client = await connect(hub, token=token)
    assert "tokenExpiresAt" not in await client.hello()


async def test_a_device_whose_end_was_moved_to_now_is_asked_to_come_back(hub, connect, make_token):
    client = await connect(hub, token=await off_loop(make_token))
    await client.join()

    def expire():
        device = Device.objects.get()
        device.expires_at = timezone.now()
        device.save()

    await off_loop(expire)
    goodbye = await client.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (4003, True)
