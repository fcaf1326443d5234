"""Leads the History button of every registered model to the history in the log.

The button's view is wrapped where all model admins inherit it, so that a host changes nothing; a
host's own override of it, or template for it, stays what it is. This module is not in `sync.admin`,
whose import registers the admin of the log: that is left to the admin's own time for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template import TemplateDoesNotExist
from django.template.loader import select_template

from sync.conf import conf
from sync.models import SyncLog
from sync.registry import registry
from sync.shape import shape_of

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from sync.admin.log_admin import SyncLogAdmin

View = Callable[..., HttpResponseBase]

_MARK: Final = "_sync_original"


def install() -> None:
    """Wrap the view once, where the admin is installed."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.options import ModelAdmin

    original: View = ModelAdmin.history_view
    if not hasattr(original, _MARK):
        wrapped = _leading_there(original)
        setattr(wrapped, _MARK, original)
        ModelAdmin.history_view = wrapped  # type: ignore[method-assign, assignment]


def _leading_there(original: View) -> View:
    @functools.wraps(original)
    def history_view(
        self: ModelAdmin[Any],
        request: HttpRequest,
        object_id: str,
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponseBase:
        answer = _answer(self, request, object_id, extra_context)
        return original(self, request, object_id, extra_context) if answer is None else answer

    return history_view


def _answer(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    object_id: str,
    extra_context: Mapping[str, Any] | None,
) -> HttpResponseBase | None:
    """Return the history of a record, or where that is; None leaves it to Django, with all that
    Django refuses."""
    log_admin = _log_admin(model_admin)
    if log_admin is None or _has_own_page(model_admin):
        return None
    from django.contrib.admin.utils import unquote

    from sync.admin.permissions import may_view_table
    from sync.admin.record import record_page
    from sync.admin.subjects import subject_of
    from sync.publishing import publish

    table = model_admin.model._meta.db_table
    if not may_view_table(request, log_admin.admin_site, table):
        return None
    instance = model_admin.get_object(request, unquote(object_id))
    if instance is None:
        return _where_it_was(log_admin, model_admin, unquote(object_id))
    if not model_admin.has_view_or_change_permission(request, instance):
        return None
    publish()
    shape = shape_of(registry.get(model_admin.model), registry.get(model_admin.model).model)
    record_id = shape.id_of(tuple(getattr(instance, one.attname) for one in shape.key_fields))
    subject = subject_of(request, log_admin, model_admin, instance, record_id)
    return record_page(request, log_admin, subject, extra_context)


def _log_admin(model_admin: ModelAdmin[Any]) -> SyncLogAdmin | None:
    """Return the admin of the log on the same site; None where the site does not show it, or the
    model is not registered."""
    log_admin: Any = model_admin.admin_site._registry.get(SyncLog)
    if log_admin is None or model_admin.model not in registry:
        return None
    from sync.admin.log_admin import SyncLogAdmin

    return log_admin if isinstance(log_admin, SyncLogAdmin) else None


def _has_own_page(model_admin: ModelAdmin[Any]) -> bool:
    """Tell whether the host has made a page of its own for the history of the model."""
    if model_admin.object_history_template:
        return True
    label, name = model_admin.opts.app_label, model_admin.opts.model_name
    templates = [f"admin/{part}/object_history.html" for part in (f"{label}/{name}", label)]
    try:
        select_template(templates)
    except TemplateDoesNotExist:
        return False
    return True


def _where_it_was(
    log_admin: SyncLogAdmin, model_admin: ModelAdmin[Any], key: str
) -> HttpResponseBase | None:
    """Return the way to the history of a record that is gone; None where the log does not have it,
    or the table has it and the admin hides it."""
    from sync.admin.labels import history_url
    from sync.differences import key_of

    using = conf().DATABASE
    registration = registry.get(model_admin.model)
    shape = shape_of(registration, registration.model)
    parsed = key_of(shape, key, using)
    if parsed is None or shape.model._base_manager.using(using).filter(pk=parsed).exists():
        return None
    record_id = shape.id_of((parsed,))
    if not SyncLog.objects.using(using).of_record(shape.table, record_id).exists():
        return None
    return redirect(history_url(log_admin.admin_site, shape.table, record_id))
