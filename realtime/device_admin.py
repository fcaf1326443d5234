"""Devices in the Django admin: create, limit, rotate, pair, revoke; secrets are shown once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from realtime.audience_names import names_of_audiences
from realtime.devices import give_token, new_prefix, revoke_device, rotate_device
from realtime.errors import DeviceIsRevoked
from realtime.explain_admin import ExplainLink
from realtime.known_values import KnownValues
from realtime.lagging import lags
from realtime.models import Device, Presence
from realtime.pairing import offer_code
from realtime.prepared_admin import PreparedAdmin
from realtime.presence import alive_rows
from realtime.steering_admin import SteeringAdmin
from sync.admin.spans import span

if TYPE_CHECKING:
    DeviceModelAdmin = admin.ModelAdmin[Device]
    DeviceModelForm = forms.ModelForm[Device]
else:
    DeviceModelAdmin = admin.ModelAdmin
    DeviceModelForm = forms.ModelForm


class AudiencesField(forms.CharField):
    """Names of audiences, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        names = (line.strip() for line in str(value or "").splitlines())
        return list(dict.fromkeys(name for name in names if name))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(list(initial or []) != self.to_python(data))


class DeviceForm(DeviceModelForm):
    audiences = AudiencesField(
        label=_("audiences"),
        required=False,
        validators=[names_of_audiences],
        help_text=_("One a line: of the user's audiences, only these. Empty: all of them."),
    )


@admin.register(Device)
class DeviceAdmin(ExplainLink, SteeringAdmin, PreparedAdmin, DeviceModelAdmin):
    """Creates devices, shows a new token or code once, revokes."""

    form = DeviceForm
    list_display = (
        *("name", "user", "prefix", "state", "connections", "platform", "app_version"),
        *("address", "expires_at", "last_seen_at", "changes_behind", "waiting"),
    )
    list_filter = (
        ("revoked_at", admin.EmptyFieldListFilter),
        ("platform", KnownValues),
        ("app_version", KnownValues),
    )
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username", "address")
    fields = (
        *("name", "user", "audiences", "expires_at", "platform", "prefix", "state"),
        *("previous_until", "pairing_until", "created_at", "revoked_at"),
        *("connections", "last_seen_at", "address", "app_version"),
        *("cursor", "changes_behind", "waiting"),
    )
    readonly_fields = fields[5:]
    autocomplete_fields = ("user",)
    actions = (*SteeringAdmin.actions, "rotate", "pair", "revoke")

    def explained(self, shown: Device) -> str:
        """Return the prefix: a name may be that of several devices."""
        return shown.prefix

    def prepare(self, rows: Sequence[Any]) -> None:
        """Look up how often each is connected, and how far it is behind."""
        open_now = alive_rows().filter(device_id__in=[device.pk for device in rows])
        counted = Counter(open_now.values_list("device_id", flat=True))
        for device, found in zip(rows, lags([(one.cursor, "") for one in rows]), strict=True):
            device.connected = counted[device.pk]
            device.counted = found

    def connections_of(self, queryset: QuerySet[Device]) -> list[tuple[Any, Presence]]:
        devices = {device.pk: device for device in queryset}
        found = alive_rows().filter(device_id__in=list(devices))
        return [(devices[row.device_id], row) for row in found if row.device_id is not None]

    @admin.display(description=_("connections"))
    def connections(self, device: Any) -> int:
        """Return how many connections are open that came with the device."""
        return int(device.connected)

    @admin.display(description=_("changes behind"))
    def changes_behind(self, device: Any) -> int | None:
        """Return how many changes are newer than what it has acknowledged."""
        return None if device.counted is None else int(device.counted.changes)

    @admin.display(description=_("behind for"))
    def waiting(self, device: Any) -> str | None:
        """Return for how long the oldest of these has been there."""
        return device.counted and span(device.counted.time)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep a device with its user: a token that is out there is nobody else's."""
        return self.readonly_fields if obj is None else ("user", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Device, form: Any, change: bool) -> None:
        """Give a new device its token, which is shown now and never again."""
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.prefix = new_prefix()
        token = give_token(obj)
        super().save_model(request, obj, form, change)
        self._show_token(request, obj, token)

    @admin.display(description=_("state"))
    def state(self, device: Device) -> str:
        """Return what the device is good for now, as people call it."""
        return str(STATES[device.state])

    @admin.action(description=_("Make new tokens for the selected devices"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        """Give each device a new token; the former one works for a while."""
        self._each(request, queryset, rotate_device, self._show_token)

    @admin.action(description=_("Pair the selected devices anew"), permissions=["change"])
    def pair(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        """Show a code for each device that a new client is given a token for."""
        self._each(request, queryset, offer_code, self._show_code)

    @admin.action(description=_("Revoke the selected devices"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        """Make the selected devices' tokens useless and close their connections."""
        for device in queryset:
            revoke_device(device)
            self.log_change(request, device, gettext("Revoked."))
        self.message_user(request, _("Revoked."), messages.SUCCESS)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Device],
        make: Callable[[Device], str],
        show: Callable[[HttpRequest, Device, str], None],
    ) -> None:
        for device in queryset:
            try:
                show(request, device, make(device))
            except DeviceIsRevoked:
                text = _("%(name)s was revoked: create another device.") % {"name": device.name}
                self.message_user(request, text, messages.ERROR)

    def _show_token(self, request: HttpRequest, device: Device, token: str) -> None:
        text = _("The token of %(name)s is %(token)s. Copy it now: it is not shown again.")
        values = {"name": device.name, "token": token}
        self.message_user(request, text % values, messages.WARNING)

    def _show_code(self, request: HttpRequest, device: Device, code: str) -> None:
        text = _("The pairing code of %(name)s is %(code)s. It is good once, until %(until)s.")
        until = f"{device.pairing_until:%H:%M:%S} UTC"
        values = {"name": device.name, "code": code, "until": until}
        self.message_user(request, text % values, messages.WARNING)


STATES = {
    "active": _("active"),
    "expired": _("expired"),
    "revoked": _("revoked"),
    "unpaired": _("not paired yet"),
}
