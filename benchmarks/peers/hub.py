"""This hub as its documentation says, and beside it `GET /burst/N` for `broadcast()`."""

import asyncio

from channels.routing import ProtocolTypeRouter

# First of all, for it sets Django up.
from hubproject.asgi import websocket_application  # isort: skip

import realtime
from benchmarks.peers.bursts import burst_application


async def send_event(task):
    realtime.broadcast("task.updated", task)
    await asyncio.sleep(0)


application = ProtocolTypeRouter(
    {"http": burst_application(send_event), "websocket": websocket_application}
)
