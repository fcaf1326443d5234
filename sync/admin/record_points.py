"""A record at one point of its history, and between two."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from sync.admin.addresses import page_url
from sync.admin.changed_fields import ChangedField, changed_fields
from sync.admin.labels import labels
from sync.admin.model_fields import referred_records
from sync.admin.points import parse_point, type_point
from sync.admin.record import subject_context
from sync.admin.record_links import name_of_model
from sync.admin.subjects import Subject, find_subject
from sync.as_of import State, state_as_of
from sync.comparing import compare as differences_between
from sync.conf import conf
from sync.history import Difference
from sync.publishing import publish
from sync.record_numbers import type_record
from sync.timeline import steps

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """What the log tells of one row of a record at one point."""

    state: State
    url: str
    """The page of the entry that tells it; empty where none does."""

    @property
    def kind(self) -> str:
        """What the template distinguishes."""
        return self.state.knowledge.name.lower()


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One row of a record at one point or between two, and its fields."""

    name: str
    points: Sequence[Point]
    fields: list[ChangedField]

    @property
    def changed(self) -> list[ChangedField]:
        return [field for field in self.fields if field.is_changed]

    @property
    def unchanged(self) -> list[ChangedField]:
        return [field for field in self.fields if not field.is_changed]


def as_of(
    request: HttpRequest, log_admin: SyncLogAdmin, table: str, record_id: str
) -> HttpResponse:
    """Show what a record held at the point `at` of its history."""
    publish()
    subject = find_subject(request, log_admin, unquote(table), unquote(record_id))
    text = request.GET.get("at", "").strip()
    points, errors = _parsed([text] if text else [])
    context = {
        **subject_context(request, log_admin, subject),
        "title": gettext("State as of: %s") % subject.label.text,
        "at": text,
        "moment": points[0] if points and isinstance(points[0], datetime.datetime) else None,
        "errors": errors,
        "parts": _parts(request, log_admin, subject, points),
    }
    return TemplateResponse(request, "admin/sync/as_of.html", context)


def compare(
    request: HttpRequest, log_admin: SyncLogAdmin, table: str, record_id: str
) -> HttpResponse:
    """Show what differs between the points `from` and `to`; without them, what the newest change
    of the record made different."""
    publish()
    subject = find_subject(request, log_admin, unquote(table), unquote(record_id))
    given = [request.GET.get(name, "").strip() for name in ("from", "to")]
    texts = [text or other for text, other in zip(given, _newest_two(subject), strict=True)]
    points, errors = _parsed(texts)
    if all(isinstance(point, int) for point in points):
        points = sorted(points)  # whichever was chosen as the first
    context = {
        **subject_context(request, log_admin, subject),
        "title": gettext("Compare: %s") % subject.label.text,
        "errors": errors,
        "texts": texts,
        "points": points,
        "parts": _parts(request, log_admin, subject, points if len(points) == 2 else []),
    }
    return TemplateResponse(request, "admin/sync/compare.html", context)


def _parsed(texts: Sequence[str]) -> tuple[list[type_point], list[str]]:
    points, errors = list[type_point](), list[str]()
    for text in texts:
        try:
            points.append(parse_point(text))
        except ValidationError as error:
            errors += error.messages
    return points, errors


def _newest_two(subject: Subject) -> tuple[str, str]:
    found = [str(one.entry.seq) for one in steps(conf().DATABASE, subject.records, 2)]
    newest = found[0] if found else "0"
    return (found[1] if len(found) > 1 else "0"), newest


def _parts(
    request: HttpRequest, log_admin: SyncLogAdmin, subject: Subject, points: Sequence[type_point]
) -> list[Part]:
    """Return the rows that the record is made of at the points, which are none, one or two."""
    if not points:
        return []
    told: list[tuple[type_record, list[State], list[Difference]]] = []
    for record in subject.parts:
        states = [state_as_of(*record, point) for point in points]
        told.append((record, states, differences_between(states[0].values, states[-1].values)))
    models = subject.parts
    pairs = [pair for record, _, rows in told for pair in referred_records(models[record], rows)]
    named = labels(log_admin.admin_site, request, pairs)
    return [
        Part(
            name_of_model(record[0]),
            [_point(log_admin, state) for state in states],
            changed_fields(models[record], rows, named, length=conf().HISTORY_STATE_LENGTH),
        )
        for record, states, rows in told
    ]


def _point(log_admin: SyncLogAdmin, state: State) -> Point:
    url = "" if state.entry is None else page_url(log_admin, "change", state.entry.pk)
    return Point(state, url)
