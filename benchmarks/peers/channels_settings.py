"""The least a Django project needs to serve Channels under Daphne."""

import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["daphne"]
USE_TZ = True

# redis-py 8 gives up a read after 5 s by default, which a quiet subscription is not.
_HOSTS = [{"address": os.environ.get("BENCH_REDIS_URL", ""), "socket_timeout": None}]
CHANNEL_LAYERS = {
    "default": {
        "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
        "core": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": _HOSTS},
        },
        "pubsub": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": _HOSTS},
        },
    }[os.environ.get("BENCH_LAYER", "memory")]
}
