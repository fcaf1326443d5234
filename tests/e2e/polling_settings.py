"""A hub whose pages ask by themselves all the time."""

from tests.realtime.quick_settings import *  # noqa: F403
from tests.realtime.quick_settings import SYNC

SYNC = SYNC | {"HISTORY_POLL_SECONDS": 0.2}
