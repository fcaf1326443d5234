"""Daphne may speak TLS itself: what the hub sends goes through it, and never past it."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hubproject.models import Task
from tests.support.certificate import Certificate
from tests.support.loopback import HOST, free_port
from tests.support.off_loop import off_loop

NOTES = 100 * 1024
SECONDS = 20


async def said(socket, type):
    """Return the next message of this type."""
    while (message := json.loads(await asyncio.wait_for(socket.recv(), SECONDS)))["type"] != type:
        pass
    return message


async def test_changes_large_ones_and_the_goodbye_arrive_through_tls(
    daphne_only, start_hub, token, tasks, tmp_path
):
    certificate, port = Certificate(tmp_path), free_port()
    endpoint = (
        f"ssl:{port}:privateKey={certificate.key_file}:certKey={certificate.file}:interface={HOST}"
    )
    hub = start_hub(arguments=["-e", endpoint])
    context = certificate.client_context()
    async with connect(
        f"wss://{HOST}:{port}/ws/", ssl=context, proxy=None, max_size=None
    ) as socket:
        await socket.send(json.dumps({"type": "hello", "token": token}))
        await said(socket, "welcome")
        for number in range(3):
            notes = f"{number}".ljust(NOTES, "ü")
            await off_loop(Task.objects.filter(pk=tasks[0].pk).update, notes=notes)
            assert (await said(socket, "event"))["data"]["data"]["notes"] == notes
        hub.send_signal(15)
        assert (await said(socket, "goodbye"))["code"] == 1001
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1001
    await off_loop(hub.wait)
