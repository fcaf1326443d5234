"""The record that a page of the history is about, for those who may see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from sync.admin.labels import Label, labels
from sync.admin.permissions import may_view_table, model_of, visible_tables
from sync.conf import conf
from sync.differences import parsed_key
from sync.models import SyncLog
from sync.parts import parts
from sync.record_numbers import type_record

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """A record, there or gone, whose history may be seen."""

    table: str
    record_id: str
    label: Label
    instance: Model | None
    """The record as its table holds it; None where it is gone."""
    model_admin: Any
    """What shows the record on this site; None where nothing does."""
    parts: dict[type_record, type[Model] | None]
    """The rows that the record is made of, itself first, and the models of their tables."""

    @property
    def records(self) -> Sequence[type_record]:
        return list(self.parts)


def find_subject(
    request: HttpRequest, log_admin: SyncLogAdmin, table: str, record_id: str
) -> Subject:
    """Return a record by its name in the log. Raises `PermissionDenied` where its history may not
    be seen, and `Http404` where neither the table nor the log has it, or the model's admin hides
    it."""
    site = log_admin.admin_site
    if not may_view_table(request, site, table):
        raise PermissionDenied
    if "\x00" in table + record_id:  # which PostgreSQL cannot even look for
        raise _not_there(table, record_id)
    model = model_of(table)
    model_admin = None if model is None else site._registry.get(model)
    instance = None if model is None else _instance(request, model, model_admin, record_id)
    log = SyncLog.objects.using(conf().DATABASE)
    if instance is None and not log.of_record(table, record_id).exists():
        raise _not_there(table, record_id)
    return _subject(request, log_admin, (table, record_id), model, instance, model_admin)


def _not_there(table: str, record_id: str) -> Http404:
    return Http404(_("The log has no record %(record)s.") % {"record": f"{table} {record_id}"})


def subject_of(
    request: HttpRequest, log_admin: SyncLogAdmin, model_admin: Any, instance: Model, record_id: str
) -> Subject:
    """Return a record that somebody sees in the admin of its model, or of a proxy of it."""
    model = model_admin.model._meta.concrete_model
    record = model._meta.db_table, record_id
    return _subject(request, log_admin, record, model, instance, model_admin)


def _subject(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    record: type_record,
    model: type[Model] | None,
    instance: Model | None,
    model_admin: Any,
) -> Subject:
    site = log_admin.admin_site
    seen = visible_tables(request, site)
    found: dict[type_record, type[Model] | None] = {record: model}
    if model is not None:
        every = parts(model, record[1], conf().DATABASE)
        found |= {one: model for one, model in every.items() if one[0] in seen or one == record}
    label = labels(site, request, [record])[record]
    return Subject(*record, label, instance, model_admin, found)


def _instance(
    request: HttpRequest, model: type[Model], model_admin: Any, record_id: str
) -> Model | None:
    """Return a record from its table, if it may be seen there."""
    key = parsed_key(list(model._meta.pk_fields), record_id, conf().DATABASE)
    if key is None:
        return None
    rows = model._base_manager.using(conf().DATABASE).filter(pk=key)
    if model_admin is None:
        return rows.first()
    instance: Model | None = model_admin.get_object(request, str(key))
    if instance is None and rows.exists():
        raise Http404  # the admin hides it, and so does its history
    if instance is not None and not model_admin.has_view_or_change_permission(request, instance):
        raise PermissionDenied
    return instance
