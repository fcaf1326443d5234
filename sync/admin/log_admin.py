"""The admin of the log: its pages, none of which edits an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from sync.admin.entry import entry_page
from sync.admin.feed import feed
from sync.admin.permissions import may_view_table
from sync.admin.routes import url_patterns
from sync.conf import conf
from sync.models import SyncLog

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SyncLog]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(SyncLog)
class SyncLogAdmin(ModelAdmin):
    """Lists changes and shows each with its fields before and after; nothing can be edited."""

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the history to the list and the entry."""
        return [*url_patterns(self), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        """Read the log that is published."""
        return super().get_queryset(request).using(conf().DATABASE)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the feed in place of Django's list, which counts the log and jumps over it."""
        return feed(request, self, extra_context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Show an entry; there is no form, for nothing can be changed."""
        return entry_page(request, self, object_id)

    def missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say as Django does that there is no such entry."""
        model_admin: Any = self
        answer: HttpResponse = model_admin._get_obj_does_not_exist_redirect(
            request, self.opts, object_id
        )
        return answer

    def has_view_permission(self, request: HttpRequest, obj: SyncLog | None = None) -> bool:
        """Show an entry to who may see its table alone, also on Django's own pages about it."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or may_view_table(request, self.admin_site, obj.table)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
