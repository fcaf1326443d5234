"""A hub whose pages are told of nothing over a socket."""

from tests.settings import *  # noqa: F403

REALTIME = {"WEBSOCKET_URL": ""}
