"""The ways to keep a history, each as its documentation says to use it, told who acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

from auditlog.context import set_actor
from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from simple_history.models import HistoricalRecords
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

import sync
from benchmarks.capture_app import models as tables
from sync import capture
from sync.models import SyncLog

BARE = "bare"
HUB = "this hub"
TRIGGERS = "this hub, triggers"
PREPARED = "this hub, prepared"
IN_PYTHON = "this hub, in Python"
SIMPLE = "simple-history"
AUDITLOG = "auditlog"
PGHISTORY = "pghistory"


def bulk_create(model: type[models.Model], rows: list[Any]) -> None:
    model._default_manager.bulk_create(rows)


def bulk_update(model: type[models.Model], rows: list[Any], fields: list[str]) -> None:
    model._default_manager.bulk_update(rows, fields)


@dataclasses.dataclass(frozen=True)
class Subject:
    """One way to keep a history. `explained` counts the entries that name the acting user."""

    name: str
    model: type[models.Model]
    acting: Callable[[Any], AbstractContextManager[Any]]
    explained: Callable[[Any], int]
    bulk_create: Callable[[type[models.Model], list[Any]], Any] = bulk_create
    bulk_update: Callable[[type[models.Model], list[Any], list[str]], Any] = bulk_update


def subjects(way: str) -> list[Subject]:
    """Return what is compared; where triggers capture, with what else works by triggers."""
    bare = Subject(BARE, tables.Bare, nullcontext, lambda user: 0)
    name = {"trigger": TRIGGERS, "prepared": PREPARED}.get(way, HUB)
    hub = Subject(name, tables.Hubbed, in_hub, in_log)
    if way == "prepared":
        return [bare, hub]
    if way == "trigger":
        return [bare, hub, *tracked()]
    simple = Subject(
        SIMPLE,
        tables.Simple,
        in_request,
        lambda user: tables.Simple.history.filter(history_user=user).count(),
        bulk_create=lambda model, rows: bulk_create_with_history(rows, model),
        bulk_update=lambda model, rows, fields: bulk_update_with_history(rows, model, fields),
    )
    entries = LogEntry.objects.filter
    audited = Subject(AUDITLOG, tables.Audited, set_actor, lambda user: entries(actor=user).count())
    return [bare, hub, *in_python(), simple, audited, *tracked()]


def in_python() -> Iterable[Subject]:
    """Return this hub as it records what PostgreSQL cannot record by itself."""
    if settings.IS_POSTGRESQL:
        yield Subject(IN_PYTHON, tables.Hubbed, without_plans, in_log)


@contextmanager
def without_plans(user: Any) -> Iterator[None]:
    with in_hub(user), mock.patch.object(capture, "plan_for", lambda connection, shape: None):
        yield


def tracked() -> Iterable[Subject]:
    if not settings.IS_POSTGRESQL:
        return
    import pghistory
    import pgtrigger

    pgtrigger.install()
    events = tables.Tracked._meta.get_field("events").related_model._default_manager
    yield Subject(
        PGHISTORY,
        tables.Tracked,
        lambda user: pghistory.context(user=user.pk),
        lambda user: events.filter(pgh_context__metadata__user=user.pk).count(),
    )


def in_hub(user: Any) -> AbstractContextManager[Any]:
    return sync.context(actor=user, source="request", request_id="benchmark")


def in_log(user: Any) -> int:
    log = SyncLog.objects.filter(table=tables.Hubbed._meta.db_table)
    return log.filter(actor_id=str(user.pk)).count()


class in_request:
    """What simple-history's middleware does around a request."""

    def __init__(self, user: Any) -> None:
        self.request = SimpleNamespace(user=user)

    def __enter__(self) -> None:
        HistoricalRecords.context.request = self.request

    def __exit__(self, *failure: object) -> None:
        del HistoricalRecords.context.request


def acting_user() -> Any:
    return get_user_model().objects.get_or_create(username="benchmark")[0]
