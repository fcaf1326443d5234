"""The form of the feed's filters: what it offers comes from the registry, for a `DISTINCT` over the
log would read all of it."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sync.admin.moment_field import MomentField
from sync.context import MAX_ID_LENGTH, MAX_TEXT_LENGTH
from sync.models import SyncLog
from sync.registry import MAX_AUDIENCE_LENGTH, registry
from sync.source_names import SOURCE_NAMES

PERIODS: Final = {
    "15m": datetime.timedelta(minutes=15),
    "1h": datetime.timedelta(hours=1),
    "24h": datetime.timedelta(hours=24),
    "7d": datetime.timedelta(days=7),
    "30d": datetime.timedelta(days=30),
}
"""How long ago the oldest change may lie, by the name that the address carries."""

_PERIOD_LABELS: Final = {
    "15m": _("Last 15 minutes"),
    "1h": _("Last hour"),
    "24h": _("Last 24 hours"),
    "7d": _("Last 7 days"),
    "30d": _("Last 30 days"),
}
_FIRST: Final = ("q", "table", "action", "actor", "period")
_ANY: Final = ("", pgettext_lazy("no filter", "Any"))
_MAX_RECORD_LENGTH: Final = 255


class _Time(MomentField):
    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"
    )


class SearchForm(forms.Form):
    """One field for each filter; every one may be empty, and a wrong value harms no other."""

    q = forms.CharField(
        label=_("Search"),
        help_text=_("A record, actor, request, client or transaction, exactly."),
        max_length=MAX_TEXT_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    table = forms.ChoiceField(
        label=_("Table"),
        required=False,
        error_messages={"invalid_choice": _("There is no table %(value)s to be seen here.")},
    )
    action = forms.ChoiceField(
        label=_("Action"), choices=[_ANY, *SyncLog.Action.choices], required=False
    )
    field = forms.ChoiceField(
        label=_("Field changed"),
        help_text=_("Of the chosen table."),
        required=False,
        error_messages={
            "invalid_choice": _("The chosen table has no field %(value)s: choose its table first.")
        },
    )
    actor = forms.CharField(
        label=_("Actor"),
        help_text=_("An id or a name, exactly."),
        max_length=MAX_TEXT_LENGTH,
        required=False,
    )
    source = forms.ChoiceField(
        label=_("Source"), choices=[_ANY, *SOURCE_NAMES.items()], required=False
    )
    audience = forms.CharField(label=_("Audience"), max_length=MAX_AUDIENCE_LENGTH, required=False)
    # Exactly as it is: a key may begin or end with a space.
    record = forms.CharField(
        label=_("Record"), max_length=_MAX_RECORD_LENGTH, required=False, strip=False
    )
    transaction = forms.UUIDField(
        label=_("Transaction"),
        required=False,
        error_messages={"invalid": _("Enter the whole id of a transaction, which is a UUID.")},
    )
    request = forms.CharField(label=_("Request"), max_length=MAX_ID_LENGTH, required=False)
    client = forms.CharField(label=_("Client"), max_length=MAX_ID_LENGTH, required=False)
    period = forms.ChoiceField(
        label=_("Time"), choices=[_ANY, *_PERIOD_LABELS.items()], required=False
    )
    since = _Time(label=_("From"), required=False)
    until = _Time(label=_("To"), help_text=_("Not including this moment itself."), required=False)

    def __init__(
        self, data: Mapping[str, Any], *, tables: Collection[str] | None = None, **options: Any
    ) -> None:
        """Offer the given tables, or all that are registered."""
        super().__init__(data, **options)
        offered = [one for one in registry if tables is None or one.table in tables]
        names = sorted((str(one.model._meta.verbose_name_plural), one.table) for one in offered)
        self._choose("table", [(table, name) for name, table in names])
        chosen = registry.find(str(data.get("table", "")))
        self._choose("field", [(f, f) for f in sorted(chosen.fields)] if chosen in offered else [])

    @property
    def first_fields(self) -> list[forms.BoundField]:
        """The fields that are always seen."""
        return [self[name] for name in _FIRST]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """The fields that are unfolded."""
        return [self[name] for name in self.fields if name not in _FIRST]

    @property
    def uses_more(self) -> bool:
        """Whether one of the unfolded fields says something, or something is wrong with it."""
        return any(field.data for field in self.more_fields)

    def clean(self) -> None:
        since, until = (self.cleaned_data.get(name) for name in ("since", "until"))
        if since and until and until <= since:
            self.add_error("until", _("This is not after the beginning: choose a later time."))

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [_ANY, *choices]
