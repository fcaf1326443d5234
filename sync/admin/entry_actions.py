"""What can be done from the page of an entry, by who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.utils.translation import gettext as _

from sync.admin import restoring
from sync.admin.entry_additions import ACTIONS
from sync.admin.links import Link
from sync.admin.tools import REDACT_LOG, may, redact_url
from sync.models import SyncLog
from sync.registry import registry

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def entry_actions(request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog) -> Iterator[Link]:
    """Yield the links to restoring, undoing and redacting, and to what other apps add."""
    yield from restoring.links(request, log_admin, entry)
    if registry.find(entry.table) is not None and may(request, REDACT_LOG):
        yield Link(_("Remove values…"), redact_url(log_admin, entry.table, entry.record_id))
    for actions in ACTIONS:
        yield from actions(request, log_admin, entry)
