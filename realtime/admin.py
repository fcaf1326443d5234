"""The Django admin: devices, who they belong to, and who is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from realtime import device_admin
from realtime.devices import revoke_device
from realtime.explain_admin import ExplainingAdmin, ExplainLink, link, may_explain
from realtime.health_admin import hub_sections
from realtime.known_values import KnownValues
from realtime.lagging import lags
from realtime.live_history import mediation
from realtime.models import Client, Device, Presence
from realtime.passed_clients import passed_clients
from realtime.prepared_admin import PreparedAdmin
from realtime.presence import alive_rows
from realtime.steering_admin import SteeringAdmin
from realtime.users import users_by_id
from sync.admin import live
from sync.admin.health_sections import SECTIONS
from sync.admin.passed import PROVIDERS
from sync.admin.spans import span

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
class PresenceAdmin(ExplainLink, SteeringAdmin, PreparedAdmin, ReadOnlyAdmin):
    """Who is connected now, and how far each has come."""

    list_display = (
        *("client_id", "user", "device", "address", "app_version", "platform"),
        *("lag", "waiting", "behind", "connected_at", "seen_at"),
    )
    list_filter = ("behind", ("platform", KnownValues), ("app_version", KnownValues))
    list_per_page = 50
    search_fields = ("client_id", "user_id", "address")
    fields = (
        *("client_id", "user", "user_id", "device", "address", "app_version", "platform"),
        *("acknowledged", "lag", "waiting", "behind", "connected_at", "seen_at", "relay"),
    )
    readonly_fields = ("user", "device", "lag", "waiting")
    actions = (*SteeringAdmin.actions, "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out the connections of processes that are silent for too long: they are gone."""
        return alive_rows().order_by("-connected_at")

    def prepare(self, rows: Sequence[Any]) -> None:
        """Look up whose they are, and how far behind."""
        users = users_by_id(row.user_id for row in rows)
        devices = Device.objects.in_bulk({row.device_id for row in rows} - {None})
        counted = lags([(row.acknowledged, row.stopped or row.reached) for row in rows])
        for row, found in zip(rows, counted, strict=True):
            user = users.get(row.user_id)
            row.is_of = row.user_id if user is None else user.get_username()
            row.came_with = devices.get(row.device_id)
            row.counted = found

    @admin.display(description=_("user"))
    def user(self, presence: Any) -> str:
        """Return the name of the user."""
        return str(presence.is_of)

    @admin.display(description=_("device"))
    def device(self, presence: Any) -> str | None:
        """Return the name of the device, where it came with one."""
        return presence.came_with and str(presence.came_with)

    @admin.display(description=_("lag"))
    def lag(self, presence: Any) -> int | None:
        """Return how many changes are newer than what the client has, as far as is known."""
        return None if presence.counted is None else int(presence.counted.changes)

    @admin.display(description=_("behind for"))
    def waiting(self, presence: Any) -> str | None:
        """Return for how long the oldest of these has been there."""
        return presence.counted and span(presence.counted.time)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Link from each client to what explains its changes, for those who may see that."""
        return (*self.list_display, "explain") if may_explain(request) else self.list_display

    @admin.display(description=_("changes"))
    def explain(self, presence: Any) -> SafeString:
        """Return a link to the page that explains the changes of the client."""
        return link(presence.client_id)

    def connections_of(self, queryset: QuerySet[Any]) -> list[tuple[Any, Presence]]:
        return [(row, row) for row in queryset]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("realtime.change_device")

    @admin.action(
        description=_("Revoke the devices of the selected clients"), permissions=["revoke"]
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Make the tokens useless that the selected clients came with, and close all connections
        that were opened with these."""
        keys = set(queryset.values_list("device_id", flat=True)) - {None}
        devices = list(Device.objects.filter(pk__in=keys))
        if not devices:
            text = _("None of them came with a device: it is its session that lets it in.")
            self.message_user(request, text, messages.WARNING)
        for device in devices:
            revoke_device(device)
            self.log_change(request, device, gettext("Revoked."))
            said = gettext("%(name)s was revoked.") % {"name": device.name}
            self.message_user(request, said, messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


live.providers.append(mediation)
PROVIDERS.append(passed_clients)
SECTIONS.append(hub_sections)
