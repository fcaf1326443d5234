"""The system checks say what would make the hub lose connections or stay silent."""

from __future__ import annotations

import importlib.metadata
import uuid

import pytest
from django.core.checks import run_checks

from hubproject.channel_layers import channel_layer
from tests.realtime.rows import row

CORE = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


def problems(**options: object) -> list[str]:
    return [found.id for found in run_checks(tags=["realtime"], **options)]


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


@pytest.mark.parametrize("version", ["4.3.0", "5.0"])
def test_a_daphne_that_nobody_has_read_is_a_warning(settings, installed, version):
    installed(daphne=version)
    assert problems() == ["realtime.W002"]


@pytest.mark.parametrize("version", ["4.2.2", "4.2.3", None])
def test_a_known_daphne_or_none_raises_nothing(settings, installed, version):
    installed(daphne=version)
    assert problems() == []


@pytest.mark.parametrize(
    ("package", "bad", "good"),
    [
        ("daphne", "4.2.1", "4.2.2"),
        ("daphne", "4.2.0", "4.2.10"),
        ("autobahn", "20.7.1", "20.12.3"),
        ("channels", "4.2.2", "4.3.0"),
    ],
)
def test_a_package_that_is_known_to_be_bad_is_an_error(installed, package, bad, good):
    installed(**{package: bad})
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.E002"
    assert f"{package} {bad}" in found.msg
    assert "or newer" in found.hint
    installed(**{package: good})
    assert problems() == []


def test_a_daphne_before_all_that_are_known_is_both(installed):
    installed(daphne="4.1.2")
    assert sorted(problems()) == ["realtime.E002", "realtime.W002"]


def test_deploying_with_a_layer_in_memory_is_a_warning(settings):
    assert "realtime.W003" in problems(include_deployment_checks=True)
    settings.DEBUG = True
    assert "realtime.W003" not in problems(include_deployment_checks=True)
    settings.DEBUG = False
    settings.CHANNEL_LAYERS = {"default": channel_layer("redis://127.0.0.1:6379/0")}
    assert problems(include_deployment_checks=True) == []


@pytest.mark.django_db
def test_several_processes_with_a_layer_in_memory_are_a_warning(settings):
    row("a"), row("b")
    row("of a dead process", relay=uuid.UUID(int=2), silent_for=61)
    assert "realtime.W004" not in problems(databases=["default"])
    row("c", relay=uuid.UUID(int=3))
    assert "realtime.W004" in problems(databases=["default"])
    assert "realtime.W004" not in problems()
    settings.CHANNEL_LAYERS = {"default": channel_layer("redis://127.0.0.1:6379/0")}
    assert "realtime.W004" not in problems(databases=["default"])


@pytest.mark.parametrize(
    ("places", "found"), [(3, []), (1, []), (4, ["realtime.W005"]), (0, ["realtime.W005"])]
)
def test_catch_ups_that_can_take_every_thread_are_a_warning(settings, places, found):
    settings.REALTIME = {"DATABASE_THREADS": 4, "MAX_CATCHUPS": places}
    assert problems() == found
