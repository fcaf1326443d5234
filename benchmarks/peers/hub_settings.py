"""The host project, for thousands of clients of one user that come from one address."""

import os

from hubproject.channel_layers import channel_layer
from hubproject.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": channel_layer(os.environ.get("BENCH_REDIS_URL", ""))}
REALTIME = {
    "MAX_CONNECTIONS_PER_USER": None,
    "MAX_CONNECTIONS_PER_ADDRESS": None,
    "MAX_UNAUTHENTICATED": None,
    "MAX_UNAUTHENTICATED_PER_ADDRESS": None,
}
