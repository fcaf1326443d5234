"""What the admin's own log says of a record: who changed it there, in the words of Django."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q

from sync.conf import conf
from sync.differences import parsed_key
from sync.record_numbers import type_record


def admin_messages(
    records: Mapping[type_record, type[Model] | None],
    limit: int,
    until: datetime.datetime | None = None,
) -> list[LogEntry]:
    """Return the newest rows of the admin's log for a record, given as the rows that it is made of;
    none that are later than `until`.

    Proxies are logged under names of their own, and found as well.
    """
    ours = [
        Q(content_type__in=_content_types(model), object_id=_object_id(model, record_id))
        for (_, record_id), model in records.items()
        if model is not None
    ]
    if not ours:
        return []
    found = LogEntry.objects.filter(Q(*ours, _connector=Q.OR)).select_related("user")
    if until is not None:
        found = found.filter(action_time__lte=until)
    return list(found.order_by("-action_time", "-pk")[:limit])


def _content_types(model: type[Model]) -> list[int]:
    """Return the names of a model and its proxies; Django remembers them after the first look."""
    named = ContentType.objects.get_for_models(*_twins(model), for_concrete_models=False)
    return [one.pk for one in named.values()]


@functools.cache
def _twins(model: type[Model]) -> tuple[type[Model], ...]:
    return tuple(one for one in apps.get_models() if one._meta.concrete_model is model)


def _object_id(model: type[Model], record_id: str) -> str:
    """Return what the admin calls a record: the text of its key, which a few types of keys write
    otherwise than the log does."""
    fields = list(model._meta.pk_fields)
    key = parsed_key(fields, record_id, conf().DATABASE) if len(fields) == 1 else None
    return record_id if key is None else str(key)
