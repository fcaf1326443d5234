"""What the tables of records are called, and where records are in the admin, for those who may see
them there."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from sync.admin.permissions import model_of


def name_of_model(table: str) -> str:
    """Return what the records of a table are called."""
    model = model_of(table)
    return table if model is None else str(capfirst(str(model._meta.verbose_name)))


def object_url(
    site: AdminSite, request: HttpRequest, model: type[Model] | None, record_id: str
) -> str:
    """Return the address of a record's own page; empty where there is none for this user."""
    model_admin = None if model is None else site._registry.get(model)
    if model is None or model_admin is None or not model_admin.has_view_permission(request):
        return ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    try:
        return reverse(name, args=(quote(record_id),), current_app=site.name)
    except NoReverseMatch:
        return ""


def user_url(site: AdminSite, request: HttpRequest, actor_id: str) -> str:
    """Return the address of the page of the user who made a change."""
    return object_url(site, request, get_user_model(), actor_id) if actor_id else ""
