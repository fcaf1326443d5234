"""What the hub is compared with: a consumer of plain Channels that accepts whoever comes.

It looks nobody up and sends nothing that was missed; a client is as live as it gets when it has
been accepted and has joined a group.
"""

import os

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.load_settings")
django.setup()


class PlainConsumer(AsyncJsonWebsocketConsumer):
    """Joins a group and accepts, as in the tutorial of Channels."""

    async def connect(self) -> None:
        await self.channel_layer.group_add("everyone", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("everyone", self.channel_name)

    async def receive_json(self, content: object, **kwargs: object) -> None:
        await self.send_json({"type": "pong"})


application = ProtocolTypeRouter({"websocket": URLRouter([path("ws/", PlainConsumer.as_asgi())])})
