"""The Django admin: devices, who they belong to, and who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from realtime import device_admin
from realtime.models import Client, Presence

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
class ClientAdmin(ReadOnlyAdmin):
    """Which client id belongs to whom; deleting one frees it."""

    list_display = ("client_id", "user", "last_seen_at")
    search_fields = ("client_id", "user__username")
    list_select_related = ("user",)


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    """Who is connected now."""

    list_display = ("client_id", "user_id", "address", "connected_at", "seen_at", "relay")
    search_fields = ("client_id", "user_id")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
