"""What records are called and where their histories are, for pages that name many of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from sync import codec
from sync.admin.permissions import may_view_table, model_of
from sync.admin.record_links import name_of_model
from sync.admin.record_names import name_among, names_of
from sync.conf import conf
from sync.differences import parsed_key
from sync.log_state import newest_entries
from sync.models import SyncLog
from sync.record_numbers import type_record
from sync.registry import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Label:
    """What a record is called; `admin/sync/label.html` shows it."""

    text: str
    url: str = ""
    """Its history; empty where there is none that may be seen."""
    is_deleted: bool = False
    """Whether the table has the record no more; the text is then what it was called."""

    @property
    def short(self) -> str:
        """As much of the text as a page has room for."""
        return Truncator(self.text).chars(conf().LABEL_LENGTH)

    @property
    def title(self) -> str:
        """The whole text where it was cut, else nothing."""
        return self.text if self.short != self.text else ""


def labels(
    site: AdminSite, request: HttpRequest, pairs: Iterable[type_record]
) -> dict[type_record, Label]:
    """Return the label of every pair, in a few queries per table, however many pairs there are.

    A record of a table that somebody may not view is called by its table and id alone, as it is
    where its own name cannot be found out: a `__str__` that fails breaks no page.
    """
    by_table: dict[str, list[str]] = {}
    for table, record_id in dict.fromkeys(pairs):
        by_table.setdefault(table, []).append(record_id)
    found: dict[type_record, Label] = {}
    for table, record_ids in by_table.items():
        if may_view_table(request, site, table):
            named = _labels_of_table(site, request, table, record_ids)
        else:
            named = {one: Label(_plain(table, one)) for one in record_ids}
        found.update(((table, record_id), label) for record_id, label in named.items())
    return found


def history_url(site: AdminSite, table: str, record_id: str) -> str:
    """Return the address of a record's history; empty on a site that does not show the log."""
    try:
        return reverse(
            "admin:sync_synclog_record",
            args=(quote(table), quote(record_id)),
            current_app=site.name,
        )
    except NoReverseMatch:
        return ""


def _labels_of_table(
    site: AdminSite, request: HttpRequest, table: str, record_ids: list[str]
) -> dict[str, Label]:
    model = model_of(table)
    living = {} if model is None else _living(site, request, model, record_ids)
    gone = [record_id for record_id in record_ids if record_id not in living]
    former = _former_names(table, gone)
    is_recorded = registry.find(table) is not None or model is None
    found = {}
    for record_id in record_ids:
        name = living.get(record_id) or former.get(record_id) or _plain(table, record_id)
        url = history_url(site, table, record_id) if is_recorded else ""
        is_deleted = model is not None and record_id not in living
        found[record_id] = Label(name, url, is_deleted)
    return found


def _living(
    site: AdminSite, request: HttpRequest, model: type[Model], record_ids: Sequence[str]
) -> dict[str, str]:
    """Return the names of the records that the table has."""
    using = conf().DATABASE
    fields: list[Any] = list(model._meta.pk_fields)
    keys = [parsed_key(fields, record_id, using) for record_id in record_ids]
    rows = _related(site, request, model).using(using)
    instances = list(rows.filter(pk__in=[key for key in keys if key is not None]))
    return {
        codec.record_id([getattr(one, field.attname) for field in fields], fields): name
        or name_among(_told(one._meta.db_table, one.__dict__))
        for one, name in zip(instances, names_of(instances), strict=True)
    }


def _related(site: AdminSite, request: HttpRequest, model: type[Model]) -> QuerySet[Model]:
    """Return all records, with the related ones that the model's admin lists them with."""
    rows = model._base_manager.get_queryset()
    model_admin = site._registry.get(model)
    if model_admin is None:
        return rows
    related = model_admin.get_list_select_related(request)
    if isinstance(related, bool):
        return rows.select_related() if related else rows
    return rows.select_related(*related) if related else rows


def _former_names(table: str, record_ids: Sequence[str]) -> dict[str, str]:
    """Return what records were called that are gone, as far as the log knows."""
    if not record_ids:
        return {}
    newest = newest_entries(table, record_ids, conf().DATABASE)
    return {record_id: _name_in(entry) for record_id, entry in newest.items()}


def _name_in(entry: SyncLog) -> str:
    return name_among(_told(entry.table, entry.values))


def _told(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what must not be known, and digests, which name nothing."""
    registration = registry.find(table)
    if registration is None:
        return dict(values)
    told = registration.fields - registration.redact.keys()
    return {name: value for name, value in values.items() if name in told}


def _plain(table: str, record_id: str) -> str:
    return _("%(model)s %(record)s") % {"model": name_of_model(table), "record": record_id}
