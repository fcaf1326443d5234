"""What was done with the history, as the admin's own log of actions keeps it."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest

from sync.models import SyncLog

_WHAT: Final = "change history"


def trace(request: HttpRequest, message: str) -> None:
    """Record in the admin's log who did what with the history.

    Messages are English, as they are stored: whoever reads them may have another language than
    whoever caused them.
    """
    user: Any = request.user
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(SyncLog),
        object_repr=_WHAT,
        action_flag=CHANGE,
        change_message=message,
    )
