"""Admin actions that have connections do something: each with a permission of its own, and written
down in the admin's log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from realtime.broadcasting import send_to
from realtime.models import Presence
from realtime.steering import disconnect, resync
from sync.registry import MAX_EVENT_LENGTH

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

MOST_MESSAGED: Final = 100
"""Clients that one message of the admin goes to: what is for more is for an audience."""

MOST_DATA: Final = 10_000
"""Characters of such a message: what is longer belongs into a registered model."""

TEMPLATE: Final = "admin/realtime/message.html"


class MessageForm(forms.Form):
    """An event for clients."""

    event = forms.CharField(
        label=gettext_lazy("event"),
        max_length=MAX_EVENT_LENGTH,
        help_text=gettext_lazy("The name by which the client's program knows what to do with it."),
    )
    payload = forms.CharField(
        label=gettext_lazy("data"),
        required=False,
        max_length=MOST_DATA,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("JSON, or else a text; it may be empty."),
    )

    def clean_payload(self) -> Any:
        """Take what is JSON as that, and anything else as the text that it is."""
        text = self.cleaned_data["payload"].strip()
        try:
            return msgspec.json.decode(text) if text else None
        except (msgspec.DecodeError, RecursionError):
            return text


class SteeringAdmin(AnyModelAdmin):
    """Has the actions, for rows that stand for connections."""

    actions: tuple[str, ...] = ("message", "resync", "disconnect")

    def connections_of(self, queryset: QuerySet[Any]) -> list[tuple[Any, Presence]]:
        """Return the open connections of rows, each with the row that it is of."""
        raise NotImplementedError

    def has_message_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("realtime.message_presence")

    def has_resync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("realtime.resync_presence")

    def has_disconnect_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("realtime.disconnect_presence")

    @admin.action(
        description=gettext_lazy("Send a message to the selected clients"), permissions=["message"]
    )
    def message(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for an event, and send it to the clients."""
        found = self._open(request, queryset)
        clients = sorted({connection.client_id for _row, connection in found})
        if not clients:
            return None
        if len(clients) > MOST_MESSAGED:
            text = _("Select %(most)d clients at most. A message for more is a broadcast.")
            self.message_user(request, text % {"most": MOST_MESSAGED}, messages.ERROR)
            return None
        form = MessageForm(request.POST if "event" in request.POST else None)
        if not form.is_valid():
            return self._message_page(request, form, clients)
        event, data = form.cleaned_data["event"], form.cleaned_data["payload"]
        for client_id in clients:
            send_to(client_id, event, data)
        self._note(request, found, _("Sent the message “%(event)s”.") % {"event": event})
        self._say(request, _sent, len(clients))
        return None

    @admin.action(
        description=gettext_lazy("Have the selected clients load everything anew"),
        permissions=["resync"],
    )
    def resync(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Have the clients replace all that they hold."""
        self._order(request, queryset, resync, _("Asked to load everything anew."))

    @admin.action(
        description=gettext_lazy("Disconnect the selected clients, which come back"),
        permissions=["disconnect"],
    )
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Close the connections; the clients come back by themselves."""
        self._order(request, queryset, disconnect, _("Disconnected."))

    def _order(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        give: Callable[[Iterable[Any]], None],
        text: str,
    ) -> None:
        found = self._open(request, queryset)
        if not found:
            return
        give([connection.pk for _row, connection in found])
        self._note(request, found, text)
        self._say(request, _told, len(found))

    def _open(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[tuple[Any, Presence]]:
        found = self.connections_of(queryset)
        if not found:
            self.message_user(request, _("None of them is connected."), messages.WARNING)
        return found

    def _note(self, request: HttpRequest, found: Sequence[tuple[Any, Presence]], text: str) -> None:
        """Write down who had what done to whom; a row with several connections once."""
        for row in {row.pk: row for row, _connection in found}.values():
            self.log_change(request, row, text)

    def _say(self, request: HttpRequest, text: Callable[[int], str], count: int) -> None:
        self.message_user(request, text(count), messages.SUCCESS)

    def _message_page(
        self, request: HttpRequest, form: MessageForm, clients: Sequence[str]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send a message to clients"),
            "opts": self.opts,
            "form": form,
            "clients": clients,
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, TEMPLATE, context)


def _sent(count: int) -> str:
    text = ngettext(
        "The message was sent to %(count)d client, if it is still there.",
        "The message was sent to %(count)d clients, as far as they are still there.",
        count,
    )
    return text % {"count": count}


def _told(count: int) -> str:
    text = ngettext("%(count)d connection is told.", "%(count)d connections are told.", count)
    return text % {"count": count}
