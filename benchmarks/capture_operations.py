"""The writes that are timed, each prepared first, so that only the write itself is timed."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import itertools
import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import F, Max

from benchmarks.capture_app.models import Owner
from benchmarks.capture_subjects import Subject

SINGLE = 40
BULK = 1000
DELETED = 100

Run = Callable[[], Any]

_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Operation:
    """A kind of write. A timed run has `times` of it; each touches `rows` rows."""

    name: str
    prepare: Callable[[Subject], Run]
    rows: int = 1
    times: int = 1


def values(owner: Owner) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "name": f"record {number}",
        "notes": f"What there is to say of record {number}. " * 4,
        "count": number,
        "price": decimal.Decimal(number % 100_000) / 100,
        "active": number % 2 == 0,
        "due": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        + datetime.timedelta(seconds=number),
        "owner": owner,
        "reference": uuid.uuid4(),
        "options": {"colour": "blue", "sizes": [1, 2, number]},
        "day": datetime.date(2026, 1, 1) + datetime.timedelta(days=number % 365),
    }


def owner() -> Owner:
    return Owner.objects.get_or_create(name="owner")[0]


def create(subject: Subject) -> Run:
    given, objects = [values(owner()) for _ in range(SINGLE)], subject.model._default_manager
    return lambda: [objects.create(**row) for row in given]


def save(subject: Subject) -> Run:
    rows = list(subject.model._default_manager.order_by("pk")[:SINGLE])
    for row in rows:
        row.count += 1
    return lambda: [row.save() for row in rows]


def bulk_create(subject: Subject) -> Run:
    common = owner()
    rows = [subject.model(**values(common)) for _ in range(BULK)]
    return lambda: subject.bulk_create(subject.model, rows)


def update(subject: Subject) -> Run:
    rows = newest(subject, BULK)
    return lambda: rows.update(count=F("count") + 1)


def bulk_update(subject: Subject) -> Run:
    rows = list(newest(subject, BULK))
    for row in rows:
        row.count += 1
    return lambda: subject.bulk_update(subject.model, rows, ["count"])


def delete(subject: Subject) -> Run:
    return newest(subject, DELETED).delete


def newest(subject: Subject, count: int) -> Any:
    """Return the newest rows as a range of keys, which are contiguous after a bulk of them."""
    objects = subject.model._default_manager
    last = objects.aggregate(last=Max("pk"))["last"]
    return objects.filter(pk__gt=last - count, pk__lte=last)


# In this order: the bulks are of the rows that the one before has made.
OPERATIONS = [
    Operation("create()", create, times=SINGLE),
    Operation("save()", save, times=SINGLE),
    Operation("bulk_create() of 1,000", bulk_create, rows=BULK),
    Operation("update() of 1,000", update, rows=BULK),
    Operation("bulk_update() of 1,000", bulk_update, rows=BULK),
    Operation("delete() of 100", delete, rows=DELETED),
]
