"""A hub that looks at the log all the time, so that nothing need be announced to it."""

from tests.settings import *  # noqa: F403

REALTIME = {"TICK": 0.05}
