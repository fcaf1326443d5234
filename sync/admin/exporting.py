"""The export of what a search finds: streamed, read in chunks, and only whole with its end."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from sync.admin.addresses import page_url
from sync.admin.export_formats import CUT, END, FAILED, FORMATS, Format, exported
from sync.admin.export_reading import chunks, let_go, values_before
from sync.admin.permissions import visible_tables
from sync.admin.searching import Search
from sync.admin.tools import EXPORT_LOG, may
from sync.admin.traces import trace
from sync.conf import conf
from sync.models import SyncLog, SyncLogQuerySet
from sync.publishing import publish

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

_NAME_LENGTH: Final = 80
"""Characters of a file's name that the filter may take."""


@transaction.non_atomic_requests(using=conf().DATABASE)
@require_GET
def export(request: HttpRequest, log_admin: SyncLogAdmin) -> HttpResponseBase:
    """Send what the feed's filters find, of the tables that somebody may see, as a file."""
    if not may(request, EXPORT_LOG):
        raise PermissionDenied
    form = FORMATS.get(request.GET.get("format", ""))
    search = Search.parse(request.GET)
    if form is None or search.errors:
        return _refused(request, log_admin, search)
    end = publish().seq
    parts = Export(search.entries(visible_tables(request, log_admin.admin_site)), end, form).parts()
    trace(request, f"Exported as {form.extension}: {search.query_string() or 'all changes'}")
    is_async = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(
        _off_loop(parts) if is_async else parts,
        content_type=form.content_type,
        headers={"Content-Disposition": content_disposition_header(True, _name(search, form))},
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Export:
    """The published entries that match, up to a number of the log, in some format."""

    entries: SyncLogQuerySet
    end: int
    form: Format

    def parts(self) -> Iterator[bytes]:
        """Yield the file, a chunk of changes at a time. Its last line says how it ended; an error
        is raised behind that, so that the server breaks the connection too."""
        count = 0
        try:
            if head := self.form.head():
                yield head.encode()
            for chunk in chunks(self.entries, self.end):
                kept = self._up_to_the_limit(chunk, count)
                lines = self._lines(kept)
                count += len(kept)
                let_go()
                if lines:
                    yield lines
                if len(kept) < len(chunk):
                    yield self.form.tail(CUT, count).encode()
                    return
        except Exception:
            yield self.form.tail(FAILED, count).encode()
            raise
        yield self.form.tail(END, count).encode()

    def _up_to_the_limit(self, chunk: list[SyncLog], count: int) -> list[SyncLog]:
        limit = conf().HISTORY_EXPORT_ROWS
        return chunk if limit is None else chunk[: limit - count]

    def _lines(self, chunk: list[SyncLog]) -> bytes:
        before = values_before(chunk)
        return self.form.lines(exported(one, before.get(one.pk)) for one in chunk).encode()


async def _off_loop(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts, each made on the request's own thread: a server's loop must not wait for the
    database, and given a plain iterator Django would hold all of the file in memory."""

    @sync_to_async
    def following() -> bytes | None:
        return next(parts, None)

    while (part := await following()) is not None:
        yield part


def _refused(request: HttpRequest, log_admin: SyncLogAdmin, search: Search) -> HttpResponseRedirect:
    """Go back to the feed, which shows what is wrong with its filters; without them more would be
    exported than was asked for."""
    if search.errors:
        text = _("Nothing was exported, for a filter is not valid: %(errors)s") % {
            "errors": " ".join(search.errors.values())
        }
    else:
        text = _("Nothing was exported: the format is one of %(formats)s.") % {
            "formats": ", ".join(FORMATS)
        }
    log_admin.message_user(request, text, messages.ERROR)
    query = request.GET.copy()
    query.pop("format", None)
    return HttpResponseRedirect(f"{page_url(log_admin, 'changelist')}?{query.urlencode()}")


def _name(search: Search, form: Format) -> str:
    """Return a name for the file, of the moment and the filter, that every system accepts."""
    moment = timezone.now().strftime("%Y-%m-%d-%H%M%S")
    chosen = slugify(" ".join(f"{name} {text}" for name, text in parse_qsl(search.query_string())))
    name = "-".join(filter(None, ("changes", moment, chosen[:_NAME_LENGTH])))
    return f"{name}.{form.extension}"
