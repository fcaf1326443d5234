"""The admin page that explains why a client did, or did not, get a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from realtime import explaining_words as words
from realtime.errors import NotToBeExplained, UnknownClient
from realtime.explaining import Explanation, explain
from realtime.models import Device
from realtime.standings import Standing, standings
from realtime.verdict_words import sentence
from sync.conf import conf
from sync.locking import head
from sync.registry import Registration, registry

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

URL_NAME: Final = "realtime_client_explain"
TEMPLATE: Final = "admin/realtime/explain.html"


class ExplainForm(forms.Form):
    """Which client, and which record of the tables whose records the asker may see."""

    client = forms.CharField(
        label=gettext_lazy("client"),
        max_length=150,
        help_text=gettext_lazy("A client id, the name or token prefix of a device, or a username."),
    )
    table = forms.ChoiceField(label=gettext_lazy("table"))
    record = forms.CharField(label=gettext_lazy("record"), max_length=255)

    def __init__(self, *args: Any, tables: dict[str, Registration], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].choices = [  # type: ignore[attr-defined]
            (table, f"{one.model._meta.verbose_name_plural} ({table})")
            for table, one in sorted(tables.items())
        ]


def may_explain(request: HttpRequest) -> bool:
    """Tell whether somebody may see clients and the log, which an explanation tells of."""
    permissions = ("realtime.view_client", "sync.view_synclog")
    return request.user.has_perms(permissions)


def explain_url(client: str) -> str:
    """Return where the changes of a client are explained."""
    return reverse(f"admin:{URL_NAME}", query={"client": client})


class ExplainingAdmin(AnyModelAdmin):
    """Has the page that explains."""

    def get_urls(self) -> Any:
        """Add the page to those of the model."""
        view = self.admin_site.admin_view(self.explain_view)
        return [path("explain/", view, name=URL_NAME), *super().get_urls()]

    def explain_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form and, once it is filled in, the explanation: by GET, for nothing changes."""
        if not may_explain(request):
            raise PermissionDenied
        tables = _visible_tables(request)
        is_asked = "record" in request.GET
        form = ExplainForm(
            request.GET if is_asked else None, initial=request.GET.dict(), tables=tables
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why did this client (not) get this change?"),
            "opts": self.opts,
            "form": form,
        }
        if is_asked and form.is_valid():
            context |= _answer(request, form, tables)
        return TemplateResponse(request, TEMPLATE, context)


class ExplainLink(AnyModelAdmin):
    """Links from an object to the page that explains, for those who may see it."""

    change_form_template = "admin/realtime/explained_change_form.html"

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show one object, with the link."""
        response = super().change_view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and may_explain(request):
            shown = (response.context_data or {}).get("original")
            if shown is not None:
                response.context_data["explain_url"] = explain_url(self.explained(shown))  # type: ignore[index]
        return response

    def explained(self, shown: Any) -> str:
        """Return the name that the page knows the client of an object by."""
        return str(shown.client_id)


def link(client_id: str) -> SafeString:
    """Return a link to the page, for a list."""
    return format_html('<a href="{}">{}</a>', explain_url(client_id), _("Explain"))


def _visible_tables(request: HttpRequest) -> dict[str, Registration]:
    return {one.table: one for one in registry if _may_view(request, one.model)}


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    meta = model._meta
    names = (get_permission_codename(action, meta) for action in ("view", "change"))
    return any(request.user.has_perm(f"{meta.app_label}.{name}") for name in names)


def _answer(
    request: HttpRequest, form: ExplainForm, tables: dict[str, Registration]
) -> dict[str, Any]:
    """Return what the page shows; what is not known, or may not be seen, is said at its field."""
    asked = form.cleaned_data
    try:
        clients = _clients(request, asked["client"])
        found = explain(clients, tables[asked["table"]], asked["record"])
    except NotToBeExplained as error:
        field = "client" if isinstance(error, UnknownClient) else "record"
        form.add_error(field, _said(error))
        return {}
    return {"explanation": _shown(found, with_device=_may_see_devices(request))}


def _clients(request: HttpRequest, name: str) -> list[Standing]:
    epoch = head(conf().DATABASE).epoch
    return standings(
        name,
        epoch,
        may_see_devices=_may_see_devices(request),
        may_see_users=_may_view(request, get_user_model()),
    )


def _may_see_devices(request: HttpRequest) -> bool:
    return _may_view(request, Device)


def _said(error: NotToBeExplained) -> str:
    said = {
        "UnknownClient": _("There is no such client."),
        "UnknownRecord": _("Neither the log nor the table has such a record."),
    }[type(error).__name__]
    if not error.nearby:
        return said
    return f"{said} {_('There is: %(names)s.') % {'names': ', '.join(error.nearby)}}"


def _shown(found: Explanation, *, with_device: bool) -> dict[str, Any]:
    return {
        "about": words.about(found),
        "has_more": found.has_more,
        "changes": [
            {
                "heading": words.heading(entry),
                "lines": words.of_change(entry),
                "clients": [
                    {
                        "name": words.name(one.standing, with_device=with_device),
                        "lines": words.of_client(one),
                        "verdict": sentence(one),
                    }
                    for one in found.explained
                    if one.entry is entry
                ],
            }
            for entry in found.entries
        ],
    }
