"""The filter of a list by values that its rows have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList


class KnownValues(admin.AllValuesFieldListFilter):
    """Leads to the rows with each value; the empty one has a text too, for a link without any can
    be neither read nor hit."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield what can be chosen, as its template takes it."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}
