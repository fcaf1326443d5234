"""Where the hub listens: for the `websocket` branch of the host's `ProtocolTypeRouter`."""

from django.urls import path

from realtime.consumer import HubConsumer

websocket_urlpatterns = [path("ws/", HubConsumer.as_asgi())]
