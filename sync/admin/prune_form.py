"""Which old changes are to go: the fields of the form, and who may choose what."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from sync.ages import age_of
from sync.errors import NoRetention, RetentionError
from sync.registry import registry
from sync.retention import prune


class PruneForm(forms.Form):
    """Tables and an age, as `sync_prune` takes them."""

    tables = forms.MultipleChoiceField(
        label=_("Tables"), required=False, widget=forms.CheckboxSelectMultiple
    )
    older_than = forms.CharField(
        label=_("Older than"),
        help_text=_(
            "Such as 90d, 12h or 2w, since the change was published. Left empty, each table's"
            " retention counts."
        ),
        max_length=20,
        required=False,
    )

    def __init__(self, tables: Iterable[str], request: HttpRequest, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.visible = sorted(tables)
        self.may_prune_all = bool(getattr(request.user, "is_superuser", False))
        field: Any = self.fields["tables"]
        labels = {table: label_of(table) for table in self.visible}
        field.choices = sorted(labels.items(), key=lambda choice: choice[1])
        if self.may_prune_all:
            field.help_text = _(
                "Choose none for all that the log holds, also those that sync no longer."
            )
        else:
            field.required = True

    @property
    def chosen_tables(self) -> tuple[str, ...] | None:
        """The tables of a valid form, or None for all that the log holds."""
        return tuple(self.cleaned_data["tables"]) or None

    def may_prune(self, tables: Collection[str] | None) -> bool:
        """Tell whether the tables are among those that may be chosen."""
        return self.may_prune_all if tables is None else set(tables) <= set(self.visible)

    def clean_older_than(self) -> str:
        """Take what `sync_prune --older-than` takes."""
        text: str = self.cleaned_data["older_than"]
        if not text:
            return text
        try:
            age_of(text)
        except RetentionError as error:
            raise forms.ValidationError(
                _("Give a number and a unit, such as 90d or 12h: one of w, d, h, m and s.")
            ) from error
        return text

    def clean(self) -> dict[str, Any]:
        """Ask for an age where nothing else says how long to keep."""
        given: dict[str, Any] = super().clean() or {}
        if self.errors or given["older_than"]:
            return given
        try:
            prune(tables=given["tables"] or None, dry_run=True)
        except NoRetention as error:
            names = [label_of(table) if table else str(_("any table")) for table in error.tables]
            raise forms.ValidationError(
                _("Nothing says how long to keep the changes of %(tables)s: give an age."),
                params={"tables": ", ".join(names)},
            ) from error
        return given


def label_of(table: str) -> str:
    """Return what a person calls a table; its own name where it syncs no longer."""
    registration = registry.find(table)
    if registration is None:
        return table
    return str(capfirst(str(registration.model._meta.verbose_name_plural)))
