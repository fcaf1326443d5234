"""Fixtures about registrations and settings of `sync`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models
from hypothesis import settings as hypothesis_settings

import sync
from sync import capture, write_plans
from sync.registry import Registration, registry
from tests.support.another_program import another_program
from tests.testapp.models import Team

Register = Callable[..., Registration]
Unregister = Callable[[type[models.Model]], None]

# A busy machine is no failure.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture
def registrations() -> Iterator[None]:
    """Put everything back at the end of the test as it was registered at its start."""
    former = list(registry)
    yield
    for registration in list(registry):
        registry.remove(registration.model)
    for registration in former:
        registry.add(registration)


@pytest.fixture
def unregister(registrations: None) -> Unregister:
    """Take a model out of the registry until the end of the test."""

    def remove(model: type[models.Model]) -> None:
        if model in registry:
            registry.remove(model)

    return remove


@pytest.fixture
def register(unregister: Unregister) -> Register:
    """Register a model, also in another way than it was, until the end of the test."""

    def again(model: type[models.Model], **options: Any) -> Registration:
        unregister(model)
        return sync.register(model, **options)

    return again


@pytest.fixture
def sync_settings(settings: Any) -> Callable[..., None]:
    """Change keys of the `SYNC` setting until the end of the test."""

    def change(**keys: Any) -> None:
        settings.SYNC = settings.SYNC | keys

    return change


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the entries made in Python, as they are of tables that PostgreSQL cannot write."""
    monkeypatch.setattr(capture, "plan_for", lambda connection, shape: None)


@pytest.fixture
def fresh_plans(settings: Any) -> Iterator[None]:
    """Have the ORM capture, and ask the catalogue anew how, also after the test."""
    settings.SYNC = settings.SYNC | {"CAPTURE": "orm"}
    write_plans.forget()
    yield
    write_plans.forget()


@pytest.fixture
def spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the entry of one record written as those of many are, as it is where the database does
    not have the function that writes it."""

    def without_recorder(connection: Any, shape: Any) -> Any:
        plan = write_plans.plan_for(connection, shape)
        return plan and dataclasses.replace(plan, recorder=None)

    monkeypatch.setattr(capture, "plan_for", without_recorder)


@pytest.fixture(scope="module")
def installed_triggers(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Put triggers on every registered table, for a module, because making them takes a while."""
    from sync.triggers import install, remove, triggered_tables

    with django_db_blocker.unblock():
        install(connection, registry)
    yield
    with django_db_blocker.unblock():
        remove(connection, triggered_tables(connection))


@pytest.fixture
def triggers(installed_triggers: None, sync_settings: Callable[..., None]) -> Iterator[None]:
    """Have PostgreSQL record every registered table; what a test changes of the triggers is gone
    with its transaction."""
    from sync import captors

    sync_settings(CAPTURE="trigger")
    captors.forget()
    yield
    captors.forget()


@pytest.fixture
def whole_triggers(transactional_db: None, triggers: None) -> None:
    """Put right what an earlier test did to the triggers for good."""
    from sync.triggers import install

    install(connection, registry)


@pytest.fixture
def program(transactional_db: None) -> Iterator[Any]:
    """Another program's connection to the test database."""
    with another_program() as found:
        yield found


@pytest.fixture
def red(db: None) -> Team:
    return Team.objects.create(name="red")


@pytest.fixture
def blue(db: None) -> Team:
    return Team.objects.create(name="blue")
