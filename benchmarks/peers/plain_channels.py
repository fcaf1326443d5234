"""Plain Channels: a consumer that joins a group, and `group_send` to the group."""

import json

import django

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from benchmarks.peers.bursts import burst_application  # noqa: E402

GROUP = "everyone"


class EventConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def task_updated(self, event):
        await self.send(text_data=json.dumps(event["task"]))


async def send_event(task):
    await get_channel_layer().group_send(GROUP, {"type": "task.updated", "task": task})


application = ProtocolTypeRouter(
    {
        "http": burst_application(send_event),
        "websocket": URLRouter([path("ws/", EventConsumer.as_asgi())]),
    }
)
