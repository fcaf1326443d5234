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


class PreparedList(ChangeList):
    """A list whose rows its admin prepares, a page at a time."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of the page, and what their columns need."""
        super().get_results(request)
        its_admin: Any = self.model_admin
        self.result_list = list(self.result_list)
        its_admin.prepare(self.result_list)


class PreparedAdmin(AnyModelAdmin):
    """Prepares rows before they are shown, in as many queries for many as for one."""

    def prepare(self, rows: Sequence[Any]) -> None:
        """Look up what the columns of these rows need, and keep it with them."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PreparedList

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return one row, prepared."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None:
            self.prepare([found])
        return found
