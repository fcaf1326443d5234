"""Admin lists whose columns need more than their rows: it is looked up for a whole page at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class PreparedAdmin(AnyModelAdmin):
    """Prepares rows before they are shown, in as many queries for many as for one."""

    def prepare(self, rows: Sequence[Any]) -> None:
        """Look up what the columns of these rows need, and keep it with them."""
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return one page of the list, prepared."""
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        self.prepare(rows)
        found.result_list = rows  # else the query would be made again, for rows that are not
        return found

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return one row, prepared."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None:
            self.prepare([found])
        return found
