"""The system checks say what would make the hub lose connections or stay silent."""

from __future__ import annotations

import importlib.metadata

import pytest
from django.core.checks import run_checks

from hubproject.channel_layers import channel_layer

CORE = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


def problems() -> list[str]:
    return [found.id for found in run_checks(tags=["realtime"])]


@pytest.fixture
def installed(monkeypatch):
    """Pretend other versions of packages; None is a package that is not installed."""
    real = importlib.metadata.version

    def pretend(**versions: str | None) -> None:
        def version(name: str) -> str:
            if name not in versions:
                return real(name)
            if versions[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return str(versions[name])

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def layers(backend: str, **config: object) -> dict[str, object]:
    return {"default": {"BACKEND": backend, "CONFIG": config}}


def test_the_settings_of_the_host_project_raise_nothing():
    assert problems() == []


def test_the_layer_that_the_host_project_uses_with_redis_raises_nothing(settings):
    settings.CHANNEL_LAYERS = {"default": channel_layer("redis://127.0.0.1:6379/0")}
    assert problems() == []


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"hosts": ["redis://127.0.0.1:6379/0"]},
        {"hosts": [("127.0.0.1", 6379)]},
        {"hosts": [{"address": "redis://127.0.0.1:6379/0"}]},
        {"hosts": [{"address": "redis://127.0.0.1:6379/0", "socket_timeout": 5}]},
        {"hosts": [{"address": "redis://a", "socket_timeout": None}, "redis://b"]},
    ],
)
def test_the_core_layer_with_redis_py_8_that_gives_up_reading_is_an_error(
    settings, installed, config
):
    installed(redis="8.1.0")
    settings.CHANNEL_LAYERS = layers(CORE, **config)
    assert problems() == ["realtime.E001"]


def test_the_core_layer_that_waits_for_ever_is_fine(settings, installed):
    installed(redis="8.1.0")
    settings.CHANNEL_LAYERS = layers(CORE, hosts=[{"address": "redis://a", "socket_timeout": None}])
    assert problems() == []


@pytest.mark.parametrize("version", ["7.1.0", None])
def test_the_core_layer_with_an_older_redis_py_is_fine(settings, installed, version):
    installed(redis=version)
    settings.CHANNEL_LAYERS = layers(CORE, hosts=["redis://127.0.0.1:6379/0"])
    assert problems() == []


def test_the_pubsub_layer_is_fine_however_it_is_configured(settings, installed):
    installed(redis="8.1.0")
    settings.CHANNEL_LAYERS = layers(PUBSUB, hosts=["redis://127.0.0.1:6379/0"])
    assert problems() == []


def test_a_layer_that_does_not_exist_is_a_warning(settings):
    settings.REALTIME = {"CHANNEL_LAYER": "hub"}
    assert problems() == ["realtime.W001"]
    settings.CHANNEL_LAYERS = {**settings.CHANNEL_LAYERS, "hub": channel_layer("")}
    assert problems() == []


def test_a_host_without_any_channel_layer_is_warned(settings):
    del settings.CHANNEL_LAYERS
    assert problems() == ["realtime.W001"]


@pytest.mark.parametrize("version", ["4.1.2", "4.3.0", "5.0"])
def test_a_daphne_that_nobody_has_read_is_a_warning(settings, installed, version):
    installed(daphne=version)
    assert problems() == ["realtime.W002"]


@pytest.mark.parametrize("version", ["4.2.2", "4.2.3", None])
def test_a_known_daphne_or_none_raises_nothing(settings, installed, version):
    installed(daphne=version)
    assert problems() == []
