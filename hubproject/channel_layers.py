"""The channel layer as `REDIS_URL` names it."""

from typing import Any

IN_MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def channel_layer(redis_url: str) -> dict[str, Any]:
    """Return the layer that reaches every server process, or without Redis this one alone."""
    if not redis_url:
        return IN_MEMORY
    host = {
        "address": redis_url,
        # redis-py 8 gives up a read after 5 s by default, which a quiet subscription is not.
        "socket_timeout": None,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [host]},
    }
