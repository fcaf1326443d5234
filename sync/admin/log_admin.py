"""The admin of the log: its pages, none of which edits an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from sync.admin.entry import entry_page
from sync.admin.permissions import may_view_table
from sync.admin.routes import url_patterns
from sync.conf import conf
from sync.models import REDACTED, SyncLog
from sync.publishing import publish
from sync.registry import registry

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SyncLog]
else:
    ModelAdmin = admin.ModelAdmin


class TableFilter(admin.SimpleListFilter):
    """The registered tables; a `DISTINCT` over the log would read all of it."""

    title = _("table")
    parameter_name = "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what is registered, by table name."""
        return sorted((one.table, str(one.model._meta.verbose_name_plural)) for one in registry)

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
        """Keep the changes of the chosen table."""
        return queryset.filter(table=self.value()) if self.value() else queryset


@admin.register(SyncLog)
class SyncLogAdmin(ModelAdmin):
    """Lists changes and shows each with its fields before and after; nothing can be edited."""

    list_display = (
        "recorded_at",
        "action",
        "table",
        "record_id",
        "fields_changed",
        "actor",
        "source",
    )
    list_filter = ("action", TableFilter, "source", "recorded_at")
    search_fields = ("=record_id", "=actor", "=request_id", "=client_id")
    search_help_text = _("Record, actor, request or client, exactly.")
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)

    @admin.display(description=_("changed"))
    def fields_changed(self, entry: SyncLog) -> str:
        """The names of the fields that changed, or of those whose values were removed."""
        if entry.cause == REDACTED:
            return _("redacted: %(fields)s") % {"fields": ", ".join(entry.redacted_names)}
        return ", ".join(entry.changed_names or ())

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the history to the list and the entry."""
        return [*url_patterns(self), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        """Read the log that is published."""
        return super().get_queryset(request).using(conf().DATABASE)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List changes after publishing what waits, for only then is known what they changed."""
        publish()
        return super().changelist_view(request, extra_context)

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
