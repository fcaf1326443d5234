"""What somebody at the admin may restore: what the admin of each model lets them write."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest

from sync.admin.permissions import may_view_model
from sync.restoring.steps import DELETE, INSERT

Model = type[models.Model]


def admin_of(site: AdminSite, model: Model) -> Any:
    """Return the admin of a model, or a plain one for a model that the site does not have: it asks
    for the same permissions."""
    return site._registry.get(model) or admin.ModelAdmin(model, site)


class AdminRights:
    """The rights of a request's user. A record that the model's admin lists to somebody else alone
    can be neither changed nor deleted."""

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        self._request = request
        self._site = site
        self._listed: dict[Model, dict[Any, bool]] = {}

    def may_see(self, model: Model) -> bool:
        return may_view_model(self._request, self._site, model)

    def may(self, action: str, model: Model, instance: Any) -> bool:
        if not self.may_see(model):
            return False
        model_admin = admin_of(self._site, model)
        if action == INSERT:
            return bool(model_admin.has_add_permission(self._request))
        allowed = (
            model_admin.has_delete_permission(self._request, instance)
            if action == DELETE
            else model_admin.has_change_permission(self._request, instance)
        )
        return bool(allowed) and self._is_listed(model, instance)

    def read_only(self, model: Model, instance: Any) -> Collection[str]:
        names = admin_of(self._site, model).get_readonly_fields(self._request, instance)
        return [name for name in names if isinstance(name, str)]

    def look_at(self, model: Model, instances: Collection[Any]) -> None:
        model_admin = admin_of(self._site, model)
        if not _is_selective(model_admin) or not instances:
            return
        known = self._listed.setdefault(model, {})
        keys = [one.pk for one in instances]
        using = next(iter(instances))._state.db
        found = model_admin.get_queryset(self._request).using(using).filter(pk__in=keys)
        listed = set(found.order_by().values_list("pk", flat=True))
        known.update((key, key in listed) for key in keys)

    def _is_listed(self, model: Model, instance: Any) -> bool:
        if not _is_selective(admin_of(self._site, model)):
            return True
        if instance.pk not in self._listed.get(model, {}):
            self.look_at(model, [instance])
        return self._listed[model][instance.pk]


def _is_selective(model_admin: Any) -> bool:
    """Tell whether the host chose which records the admin lists; Django's own choice is that of
    the default manager, which hides what is deleted softly, and that is to be restored."""
    return type(model_admin).get_queryset is not admin.ModelAdmin.get_queryset
