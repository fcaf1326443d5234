"""A hub that looks at the log all the time, so that nothing need be announced to it.

Its users hear what everybody hears and their groups: the host's audiences are tested with the host.
"""

from tests.settings import *  # noqa: F403

REALTIME = {"TICK": 0.05}
HOST_AUDIENCES = ""
