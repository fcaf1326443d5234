"""The admin of the log: its pages, none of which edits an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from sync.admin.feed import feed
from sync.admin.routes import url_patterns
from sync.conf import conf
from sync.history import differences
from sync.models import SyncLog

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SyncLog]
else:
    ModelAdmin = admin.ModelAdmin


_WHO = ("actor", "actor_id", "source", "client_id", "request_id")
_WHERE = (
    "seq",
    "transaction",
    "audience",
    "event",
    "cause",
    "latest",
    "recorded_at",
    "published_at",
)


@admin.register(SyncLog)
class SyncLogAdmin(ModelAdmin):
    """Lists changes and shows each with its fields before and after; nothing can be edited."""

    fieldsets = (
        (None, {"fields": ("action", "table", "record_id", "difference")}),
        (_("Who and why"), {"fields": (*_WHO, "reason")}),
        (_("Position"), {"fields": _WHERE}),
    )
    readonly_fields = ("difference",)

    @admin.display(description=_("before and after"))
    def difference(self, entry: SyncLog) -> SafeString:
        """The record's fields before and after, changed ones first."""
        return render_to_string("admin/sync/difference.html", {"rows": differences(entry)})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the history to the list and the entry."""
        return [*url_patterns(self), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        """Read the log that is published."""
        return super().get_queryset(request).using(conf().DATABASE)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the feed in place of Django's list, which counts the log and jumps over it."""
        return feed(request, self, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
