"""Devices in the Django admin: create one and see its token once, revoke, watch who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import CharField, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from realtime.devices import new_token, revoke_device, token_hash
from realtime.models import Client, Device, Presence
from realtime.presence import alive_rows, end_of_log, lag
from sync.cursor import Position

if TYPE_CHECKING:
    DeviceModelAdmin = admin.ModelAdmin[Device]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    DeviceModelAdmin = AnyModelAdmin = admin.ModelAdmin


@admin.register(Device)
class DeviceAdmin(DeviceModelAdmin):
    """Creates devices, shows a new token once, revokes."""

    list_display = ("name", "user", "prefix", "created_at", "last_seen_at", "revoked_at")
    list_filter = ("revoked_at",)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    fields = ("name", "user", "prefix", "created_at", "last_seen_at", "revoked_at")
    readonly_fields = ("prefix", "created_at", "last_seen_at", "revoked_at")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def save_model(self, request: HttpRequest, obj: Device, form: Any, change: bool) -> None:
        """Give a new device its token, which is shown now and never again."""
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.prefix, token = new_token()
        obj.token_hash = token_hash(token)
        super().save_model(request, obj, form, change)
        self.message_user(
            request,
            _("The token of %(name)s is %(token)s. Copy it now: it is not shown again.")
            % {"name": obj.name, "token": token},
            messages.WARNING,
        )

    @admin.action(description=_("Revoke the selected devices"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        """Make the selected devices' tokens useless."""
        for device in queryset:
            revoke_device(device)
        self.message_user(request, _("Revoked."), messages.SUCCESS)


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows that the hub keeps for itself."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    """Which client id belongs to whom; deleting one frees it."""

    list_display = ("client_id", "user", "last_seen_at")
    search_fields = ("client_id", "user__username")
    list_select_related = ("user",)


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
