"""Who may see which part of the history: what they may see of the records themselves."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.http import HttpRequest

from sync.registry import registry

VIEW_LOG = "sync.view_synclog"

RESTORE = "sync.restore_synclog"


def may_view_log(request: HttpRequest) -> bool:
    """Tell whether somebody may see the history at all; of which tables is another question."""
    return request.user.has_perm(VIEW_LOG)


def may_view_model(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Tell whether somebody may view the records of a model; its admin says so, if it has one."""
    model_admin = site._registry.get(model)
    if model_admin is not None:
        return model_admin.has_view_permission(request)
    meta = model._meta
    if meta.auto_created:  # the rows of a many-to-many field have no permissions of their own
        ends: set[Any] = {one.related_model for one in meta.local_fields if one.is_relation}
        return all(may_view_model(request, site, end) for end in ends)
    names = (get_permission_codename(action, meta) for action in ("view", "change"))
    return any(request.user.has_perm(f"{meta.app_label}.{name}") for name in names)


def model_of(table: str) -> type[Model] | None:
    """Return the model of a table in the log; also of one that is no longer registered."""
    registration = registry.find(table)
    if registration is not None:
        return registration.model
    named = (model for model in apps.get_models() if model._meta.db_table == table)
    return next(named, None)


def visible_tables(request: HttpRequest, site: AdminSite) -> dict[str, type[Model]]:
    """Return the registered tables whose changes somebody may see, by name; none without the right
    to see the history."""
    if not may_view_log(request):
        return {}
    return {one.table: one.model for one in registry if may_view_model(request, site, one.model)}


def may_view_table(request: HttpRequest, site: AdminSite, table: str) -> bool:
    """Tell whether somebody may see the changes of a table. Those of a table that no model has any
    more are for who may see everything."""
    if not may_view_log(request):
        return False
    model = model_of(table)
    if model is None:
        return bool(getattr(request.user, "is_superuser", False))
    return may_view_model(request, site, model)
