"""Admin sites of a host, with model admins of many kinds: one shows the log, one does not."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from sync.admin.log_admin import SyncLogAdmin
from sync.models import SyncLog
from tests.testapp.models import (
    Account,
    Article,
    Cascaded,
    Draft,
    Everything,
    Label,
    Memo,
    Owner,
    Place,
    QuietPlace,
    Restaurant,
    Stock,
    Ticket,
    Unseen,
)

HIDDEN = "hidden"
"""The name of owners that the admin hides, and of those that it shows to nobody."""

FORBIDDEN = "forbidden"


class CascadedInline(admin.TabularInline):
    model = Cascaded
    extra = 0


class OwnerAdmin(admin.ModelAdmin):
    inlines = [CascadedInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).exclude(name=HIDDEN)

    def has_view_permission(self, request: HttpRequest, obj: Owner | None = None) -> bool:
        is_forbidden = obj is not None and obj.name == FORBIDDEN
        return super().has_view_permission(request, obj) and not is_forbidden

    def has_change_permission(self, request: HttpRequest, obj: Owner | None = None) -> bool:
        is_forbidden = obj is not None and obj.name == FORBIDDEN
        return super().has_change_permission(request, obj) and not is_forbidden


class OwnViewAdmin(admin.ModelAdmin):
    """As packages for histories do it."""

    def history_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse("the host's own page")


class OwnTemplateAdmin(admin.ModelAdmin):
    object_history_template = "testapp/own_history.html"


class GreetingAdmin(admin.ModelAdmin):
    """Adds to the page, and lets the rest be."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, {"title": "Greetings"})


site = admin.AdminSite(name="other")
site.register(SyncLog, SyncLogAdmin)
site.register(Owner, OwnerAdmin)
site.register(Stock, OwnViewAdmin)
site.register(Label, OwnTemplateAdmin)
site.register(Memo, GreetingAdmin)
site.register([Account, Article, Draft, Everything, Place, QuietPlace, Restaurant, Ticket, Unseen])

silent_site = admin.AdminSite(name="silent")
silent_site.register(Owner)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("other/", site.urls),
    path("silent/", silent_site.urls),
]
