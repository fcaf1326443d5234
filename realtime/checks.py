"""System checks: settings with which the hub would lose connections or stay silent."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any, Final

from channels.layers import channel_layers
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from realtime.conf import conf
from realtime.daphne import KNOWN_VERSIONS
from realtime.presence import alive_rows
from realtime.tables import has_table

IN_MEMORY: Final = "channels.layers.InMemoryChannelLayer"

LEAST_VERSIONS: Final = {
    "daphne": (
        "4.2.2",
        "headers can be smuggled in, and one frame can fill the memory"
        " (CVE-2026-44545, CVE-2026-44546)",
    ),
    "autobahn": ("20.12.3", "it lets headers be injected (CVE-2020-35678)"),
    "channels": ("4.3", "the hub was not written for it"),
}
"""The first version of each package that is good enough, and what is wrong with those before."""


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
    version = _version("daphne")
    if version is None or version.startswith(KNOWN_VERSIONS):
        return []
    return [
        Warning(
            f"Daphne {version} is served by plain ASGI: slower, and without a goodbye on stop.",
            hint=f"Known are: {', '.join(known + 'x' for known in KNOWN_VERSIONS)}.",
            id="realtime.W002",
        )
    ]


@register("realtime")
def packages_are_good_enough(**kwargs: Any) -> list[CheckMessage]:
    """Check that no package is installed in a version that is known to be bad."""
    return [
        Error(
            f"{package} {version} must not serve clients: {reason}.",
            hint=f"Install {package} {least} or newer.",
            id="realtime.E002",
        )
        for package, (least, reason) in LEAST_VERSIONS.items()
        if (version := _version(package)) and _numbers(version) < _numbers(least)
    ]


@register("realtime", deploy=True)
def one_process_is_alone_without_a_layer(**kwargs: Any) -> list[CheckMessage]:
    """Tell that processes hear of each other's messages by a shared layer alone."""
    if settings.DEBUG or not _layer_is_in_memory():
        return []
    return [
        Warning(
            "The channel layer is in memory, which serves one server process alone: clients of"
            " others hear of changes by the tick, and of broadcasts not at all.",
            hint="Use channels_redis.pubsub.RedisPubSubChannelLayer, or silence this check where"
            " there is one process.",
            id="realtime.W003",
        )
    ]


@register(Tags.database, "realtime")
def several_processes_share_a_layer(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that several processes that are serving now do not each have a layer of its own."""
    from realtime.models import Presence

    if not _layer_is_in_memory() or not has_table(Presence, databases):
        return []
    processes = alive_rows().values("relay").distinct().count()
    if processes < 2:
        return []
    return [
        Warning(
            f"{processes} server processes have clients, and the channel layer is in memory: a"
            " broadcast reaches the clients of one of them.",
            hint="Use channels_redis.pubsub.RedisPubSubChannelLayer.",
            id="realtime.W004",
        )
    ]


@register("realtime")
def a_thread_is_left_for_who_arrives(**kwargs: Any) -> list[CheckMessage]:
    """Check that reading pages cannot take every database thread."""
    if 0 < (conf().MAX_CATCHUPS or 0) < conf().DATABASE_THREADS:
        return []
    return [
        Warning(
            "Clients that catch up can take every database thread: others wait to be let in.",
            hint="Make REALTIME['MAX_CATCHUPS'] smaller than DATABASE_THREADS.",
            id="realtime.W005",
        )
    ]


def _layer_is_in_memory() -> bool:
    layer = channel_layers.configs.get(conf().CHANNEL_LAYER, {})
    return bool(layer.get("BACKEND") == IN_MEMORY)


def _redis_is_8() -> bool:
    version = _version("redis")
    return version is not None and _numbers(version) >= (8,)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
