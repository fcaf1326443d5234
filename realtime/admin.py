"""The Django admin: devices, who they belong to, and who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import CharField, QuerySet, Value
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from realtime import device_admin
from realtime.explain_admin import ExplainingAdmin, ExplainLink, link, may_explain
from realtime.models import Client, Presence
from realtime.presence import alive_rows, end_of_log, lag
from sync.cursor import Position

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

__all__ = ["ClientAdmin", "PresenceAdmin", "device_admin"]


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows that the hub keeps for itself."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Client)
class ClientAdmin(ExplainLink, ExplainingAdmin, ReadOnlyAdmin):
    """Which client id belongs to whom; deleting one frees it."""

    list_display = ("client_id", "user", "last_seen_at")
    fields = ("client_id", "user", "last_seen_at", "connected_at", "acknowledged", "sent")
    readonly_fields = fields[3:]
    search_fields = ("client_id", "user__username")
    list_select_related = ("user",)


@admin.register(Presence)
class PresenceAdmin(ExplainLink, ReadOnlyAdmin):
    """Who is connected now, and how far each has come."""

    list_display = (
        *("client_id", "user_id", "address", "app_version", "platform"),
        *("lag", "behind", "connected_at", "seen_at"),
    )
    list_filter = ("behind", "platform", "app_version")
    search_fields = ("client_id", "user_id", "address")
    fields = (
        *("client_id", "user_id", "device_id", "address", "app_version", "platform"),
        *("acknowledged", "lag", "behind", "connected_at", "seen_at", "relay"),
    )
    readonly_fields = ("lag",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out the connections of processes that are silent for too long: they are gone."""
        end = end_of_log()
        return (
            alive_rows()
            .order_by("-connected_at")
            .annotate(end_of_log=Value(end.cursor if end else "", CharField()))
        )

    @admin.display(description=_("lag"))
    def lag(self, presence: Any) -> int | None:
        """Return how many changes are newer than what the client acknowledged."""
        end = Position.parse(presence.end_of_log) if presence.end_of_log else None
        return lag(presence.acknowledged, end)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Link from each client to what explains its changes, for those who may see that."""
        return (*self.list_display, "explain") if may_explain(request) else self.list_display

    @admin.display(description=_("changes"))
    def explain(self, presence: Any) -> SafeString:
        """Return a link to the page that explains the changes of the client."""
        return link(presence.client_id)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
