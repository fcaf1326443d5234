"""System checks: settings with which the hub would lose connections or stay silent."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from channels.layers import channel_layers
from django.core.checks import CheckMessage, Error, Warning, register

from realtime.conf import conf
from realtime.daphne import KNOWN_VERSIONS


@register("realtime")
def core_layer_waits_long_enough(**kwargs: Any) -> list[CheckMessage]:
    """Check for the core Redis layer with redis-py 8, whose default read time-out of 5 s kills a
    consumer each time it expires (django/channels_redis#422)."""
    layer = channel_layers.configs.get(conf().CHANNEL_LAYER, {})
    if layer.get("BACKEND") != "channels_redis.core.RedisChannelLayer" or not _redis_is_8():
        return []
    hosts = layer.get("CONFIG", {}).get("hosts", [None])
    if all(isinstance(host, dict) and host.get("socket_timeout", 5) is None for host in hosts):
        return []
    return [
        Error(
            "channels_redis.core with redis-py 8 fails every 5 seconds.",
            hint="Use channels_redis.pubsub.RedisPubSubChannelLayer, or give each host"
            ' {"address": ..., "socket_timeout": None}.',
            id="realtime.E001",
        )
    ]


@register("realtime")
def layer_is_configured(**kwargs: Any) -> list[CheckMessage]:
    """Check that the channel layer the hub announces through exists."""
    if conf().CHANNEL_LAYER in channel_layers:
        return []
    return [
        Warning(
            f"CHANNEL_LAYERS has no {conf().CHANNEL_LAYER!r}: other processes' changes are heard"
            " by the tick alone.",
            hint="Configure a channel layer, or name another in REALTIME['CHANNEL_LAYER'].",
            id="realtime.W001",
        )
    ]


@register("realtime")
def daphne_is_known(**kwargs: Any) -> list[CheckMessage]:
    """Check that the installed Daphne is one whose connections can be used below ASGI."""
    try:
        version = importlib.metadata.version("daphne")
    except importlib.metadata.PackageNotFoundError:
        return []
    if version.startswith(KNOWN_VERSIONS):
        return []
    return [
        Warning(
            f"Daphne {version} is served by plain ASGI: slower, and without a goodbye on stop.",
            hint=f"Known are: {', '.join(known + 'x' for known in KNOWN_VERSIONS)}.",
            id="realtime.W002",
        )
    ]


def _redis_is_8() -> bool:
    try:
        return int(importlib.metadata.version("redis").split(".")[0]) >= 8
    except importlib.metadata.PackageNotFoundError:
        return False
