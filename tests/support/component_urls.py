"""The host's pages and one that shows all that the pages of the history are made of."""

from __future__ import annotations

from typing import Final

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path

from hubproject.urls import urlpatterns as pages_of_the_host
from sync.models import SyncLog
from tests.support.history_story import UNBROKEN

PATH: Final = "admin/components/"


def components(request: HttpRequest) -> TemplateResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Components",
        "actions": SyncLog.Action.values,
        "unbroken": UNBROKEN,
    }
    return TemplateResponse(request, "testapp/components.html", context)


urlpatterns = [path(PATH, admin.site.admin_view(components)), *pages_of_the_host]
