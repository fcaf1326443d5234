"""A hub whose relay looks all the time, and whose pages would ask by themselves once an hour: what
they show in time they were told of."""

from tests.realtime.quick_settings import *  # noqa: F403
from tests.realtime.quick_settings import SYNC

SYNC = SYNC | {"HISTORY_POLL_SECONDS": 3600.0}
