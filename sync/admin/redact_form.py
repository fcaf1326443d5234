"""Of which record which values are to go: the two forms, and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from sync.context import MAX_TEXT_LENGTH
from sync.models import SyncLog
from sync.registry import Registration

_MAX_RECORD_LENGTH = SyncLog._meta.get_field("record_id").max_length


class RecordForm(forms.Form):
    """Names a record; sent by GET, so that other pages can name it too."""

    table = forms.ChoiceField(label=_("Table"))
    record = forms.CharField(
        label=_("Record"),
        help_text=_("Its key as the history shows it; also of a record that is gone."),
        max_length=_MAX_RECORD_LENGTH,
        strip=False,
    )

    def __init__(self, tables: Mapping[str, type[Model]], *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["table"]
        field.choices = sorted(
            (table, capfirst(str(model._meta.verbose_name))) for table, model in tables.items()
        )


class RedactForm(forms.Form):
    """Fields and a reason, as `sync_redact` takes them."""

    field = forms.MultipleChoiceField(
        label=_("Values to remove"), widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Shown in the history in place of the values: do not repeat them here."),
        max_length=MAX_TEXT_LENGTH,
    )
    keep = forms.BooleanField(
        label=_("The table may keep its values"),
        help_text=_("For example a replacement. The next save records them again."),
        required=False,
    )

    def __init__(self, choices: Sequence[tuple[str, str]], *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["field"]
        field.choices = choices


def choices_of(registration: Registration, newest: SyncLog | None) -> list[tuple[str, str]]:
    """Return the fields of a record that can be redacted: the columns of its table, and those that
    only its history has. Neither its key nor what its audience is made of can be."""
    meta = registration.model._meta
    labels = {
        field.attname: f"{capfirst(str(field.verbose_name))} ({field.attname})"
        for field in meta.local_concrete_fields
    }
    in_the_history: Iterable[str] = () if newest is None else newest.values
    labels |= {name: name for name in in_the_history if name not in labels}
    fixed = {field.attname for field in meta.pk_fields} | (registration.audience_fields or set())
    return [(name, label) for name, label in labels.items() if name not in fixed]
