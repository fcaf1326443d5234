"""The change history in the Django admin, read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from sync.history import differences
from sync.models import SyncLog

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SyncLog]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(SyncLog)
class SyncLogAdmin(ModelAdmin):
    """Lists changes and shows each with its fields before and after; nothing can be edited."""

    list_display = ("recorded_at", "action", "table", "record_id", "fields_changed", "actor",
                    "source", "seq")  # fmt: skip
    list_filter = ("action", "table", "source", "recorded_at")
    search_fields = ("=record_id", "=actor", "=request_id", "=client_id")
    search_help_text = _("Record, actor, request or client, exactly.")
    date_hierarchy = None
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("action", "table", "record_id", "difference")}),
        (
            _("Who and why"),
            {"fields": ("actor", "actor_id", "source", "client_id", "request_id", "reason")},
        ),  # fmt: skip
        (
            _("Position"),
            {
                "fields": (
                    "seq",
                    "transaction",
                    "audience",
                    "event",
                    "cause",
                    "latest",
                    "recorded_at",
                    "published_at",
                )
            },
        ),  # fmt: skip
    )
    readonly_fields = ("difference",)

    @admin.display(description=_("changed"))
    def fields_changed(self, entry: SyncLog) -> str:
        """The names of the fields that changed."""
        return ", ".join(entry.changed_names or ())

    @admin.display(description=_("before and after"))
    def difference(self, entry: SyncLog) -> SafeString:
        """The record's fields before and after, changed ones first."""
        return render_to_string("admin/sync/difference.html", {"rows": differences(entry)})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
