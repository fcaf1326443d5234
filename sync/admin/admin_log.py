"""Tells the admin's own log of a restore, as if it had been done by the forms."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import override

from sync.admin.restore_rights import admin_of
from sync.restoring import Step
from sync.restoring.steps import DELETE, INSERT


def tell_admin_log(request: HttpRequest, site: AdminSite, step: Step, instance: Any) -> None:
    """Add what a step does to the records that the admin's own history shows."""
    model_admin = admin_of(site, step.model)
    if step.action == DELETE:
        model_admin.log_deletions(request, [instance])
    elif step.action == INSERT:
        model_admin.log_addition(request, instance, [{"added": {}}])
    else:
        changed = {"changed": {"fields": _labels(step)}}
        model_admin.log_change(request, instance, [changed])


def _labels(step: Step) -> list[str]:
    """Return the fields' labels as the admin's forms store them, untranslated."""
    names = {one.name for one in step.ticked}
    with override(None):
        fields = step.model._meta.local_concrete_fields
        return [capfirst(str(field.verbose_name)) for field in fields if field.attname in names]
