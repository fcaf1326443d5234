"""The pages that are timed, and the time that the database takes for each."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from simple_history.admin import SimpleHistoryAdmin

from benchmarks import log_filling
from benchmarks.capture_app.models import Audited, Owner, Simple
from benchmarks.history_filling import RARE_ACTOR, RARE_TABLE
from sync.models import SyncLog

HUB, AUDITLOG, SIMPLE = "this hub", "auditlog", "simple-history"

SLOW: Final = 3.0
"""A page that takes so many seconds is not asked for again and again."""


class HistoryList(admin.ModelAdmin):
    """The list of a history table, which that library leaves to the host."""

    list_display = ("history_date", "history_type", "history_user", "name")
    list_filter = ("history_type", "history_user")


admin.site.register(Simple, SimpleHistoryAdmin)
admin.site.register(Simple.history.model, HistoryList)


@dataclasses.dataclass(frozen=True)
class Timed:
    """Milliseconds of the database for one page, or None where it took longer than it may."""

    milliseconds: float | None
    queries: int


def pages(size: int) -> dict[str, dict[str, str]]:
    """Return the addresses of each page, by whose it is."""
    hub = reverse("admin:sync_synclog_changelist")
    auditlog = reverse("admin:auditlog_logentry_changelist")
    simple = reverse("admin:capture_app_historicalsimple_changelist")
    table, record = log_filling.record_with(10, 5, size)
    one = SyncLog.objects.get(seq=size // 2)
    rare = get_user_model().objects.get(username=RARE_ACTOR).pk
    types = {model: ContentType.objects.get_for_model(model).pk for model in (Audited, Owner)}
    return {
        "newest changes": {HUB: hub, AUDITLOG: auditlog, SIMPLE: simple},
        "a page in the middle": {
            HUB: f"{hub}?before={size // 2}",
            AUDITLOG: f"{auditlog}?p={size // 200}",
            SIMPLE: f"{simple}?p={size // 200}",
        },
        "one table": {
            HUB: f"{hub}?table={table}",
            AUDITLOG: f"{auditlog}?resource_type={types[Audited]}",
        },
        "a rare table": {
            HUB: f"{hub}?table={RARE_TABLE}",
            AUDITLOG: f"{auditlog}?resource_type={types[Owner]}",
        },
        "a rare actor": {
            HUB: f"{hub}?actor={RARE_ACTOR}",
            AUDITLOG: f"{auditlog}?q={RARE_ACTOR}",
            SIMPLE: f"{simple}?history_user__id__exact={rare}",
        },
        "an actor of most changes": {HUB: f"{hub}?actor=somebody"},
        "one field": {HUB: f"{hub}?table={table}&field=status"},
        "a field that never changed": {HUB: f"{hub}?table={table}&field=project_id"},
        "a source that there is not": {HUB: f"{hub}?source=shell"},
        "one audience": {HUB: f"{hub}?audience=project:7"},
        "a record": {
            HUB: f"{hub}?record={record}",
            AUDITLOG: f"{auditlog}?q=record+{record}",
            SIMPLE: reverse("admin:capture_app_simple_history", args=[record]),
        },
        "a transaction": {HUB: f"{hub}?transaction={one.transaction}"},
        "a request": {HUB: f"{hub}?request={one.request_id}"},
        "a text anywhere": {HUB: f"{hub}?q={one.request_id}"},
        "the last hour": {HUB: f"{hub}?period=1h"},
        "the last 30 days": {HUB: f"{hub}?period=30d"},
        "rows while nothing is new": {HUB: f"{reverse('admin:sync_synclog_rows')}?after={size}"},
        "an entry": {
            HUB: reverse("admin:sync_synclog_change", args=[one.pk]),
            AUDITLOG: reverse("admin:auditlog_logentry_change", args=[size // 2]),
        },
        "the history of a record": {
            HUB: reverse("admin:sync_synclog_record", args=[table, record]),
            SIMPLE: reverse("admin:capture_app_simple_history", args=[record]),
        },
        "all of a transaction": {HUB: reverse("admin:sync_synclog_transaction", args=[one.seq])},
        "restoring from an entry": {HUB: reverse("admin:sync_synclog_restore", args=[one.pk])},
        "the health of the hub": {HUB: reverse("admin:sync_synclog_health")},
        "the beginning of an export": {
            HUB: f"{reverse('admin:sync_synclog_export')}?format=csv&table={table}"
        },
    }


def measure(size: int, runs: int, patience: float) -> dict[str, dict[str, Timed]]:
    """Return what each page takes; a statement that takes longer than one has patience is ended."""
    user = get_user_model().objects.get_or_create(
        username="reader", is_staff=True, is_superuser=True
    )[0]
    client = Client()
    client.force_login(user)
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {int(patience * 1000)}")
    found = {
        name: {whose: _timed(client, url, runs) for whose, url in urls.items()}
        for name, urls in pages(size).items()
    }
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    return found


def _timed(client: Client, url: str, runs: int) -> Timed:
    taken: list[float] = []
    for _ in range(runs + 1):
        meter = Meter()
        try:
            with connection.execute_wrapper(meter):
                response = client.get(url)
                if response.streaming:
                    next(iter(response))
                    response.close()
        except OperationalError:
            return Timed(None, meter.queries)
        if response.status_code != 200:
            raise AssertionError(f"{url} answered {response.status_code}")
        taken.append(meter.seconds)
        if meter.seconds > SLOW:
            break
    # The first has to fetch from the disk what the others find in memory.
    return Timed(median(taken[1:] or taken) * 1000, meter.queries)


class Meter:
    """Sums up the time of the queries, as the caller waits for them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*query)
        finally:
            self.seconds += time.perf_counter() - started
            self.queries += 1
