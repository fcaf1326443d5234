"""Fixtures about registrations and settings of `sync`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import models
from hypothesis import settings as hypothesis_settings

import sync
from sync.registry import Registration, registry
from tests.testapp.models import Team

Register = Callable[..., Registration]

# A busy machine is no failure.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture
def unregister() -> Iterator[Callable[[type[models.Model]], None]]:
    """Take models out of the registry until the end of the test."""
    former: dict[type[models.Model], Registration] = {}

    def remove(model: type[models.Model]) -> None:
        if model in registry:
            former.setdefault(model, registry.get(model))
            registry.remove(model)

    yield remove
    for model, registration in former.items():
        if model in registry:
            registry.remove(model)
        registry.add(registration)


@pytest.fixture
def register(unregister: Callable[[type[models.Model]], None]) -> Iterator[Register]:
    """Register a model in another way until the end of the test."""
    added: list[type[models.Model]] = []

    def again(model: type[models.Model], **options: Any) -> Registration:
        unregister(model)
        registration = sync.register(model, **options)
        added.append(registration.model)
        return registration

    yield again
    for model in added:
        if model in registry:
            registry.remove(model)


@pytest.fixture
def sync_settings(settings: Any) -> Callable[..., None]:
    """Change keys of the `SYNC` setting until the end of the test."""

    def change(**keys: Any) -> None:
        settings.SYNC = settings.SYNC | keys

    return change


@pytest.fixture
def red(db: None) -> Team:
    return Team.objects.create(name="red")


@pytest.fixture
def blue(db: None) -> Team:
    return Team.objects.create(name="blue")
