"""A hub that waits only a moment for its clients to say who they are."""

from tests.realtime.quick_settings import *  # noqa: F403

REALTIME = {"TICK": 0.05, "AUTHENTICATION_TIMEOUT": 0.3}
