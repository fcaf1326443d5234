"""Gives every change made during a request its request: actor, client, request id."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from sync.context import Context, entered

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:+/=@-]{1,64}")


class ContextMiddleware:
    """Remember the request while it is answered; works in sync and async stacks alike."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        with entered(_context(request)):
            response: HttpResponseBase = self.get_response(request)
            return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with entered(_context(request)):
            response: HttpResponseBase = await self.get_response(request)
            return response


def _context(request: HttpRequest) -> Context:
    return Context(
        request=request,
        client_id=_header(request, "X-Client-Id"),
        request_id=_header(request, "X-Request-Id") or uuid.uuid4().hex,
    )


def _header(request: HttpRequest, name: str) -> str:
    """Return a header that is a plain id, else nothing: it is stored, shown and sent on."""
    value = request.headers.get(name, "")
    return value if _SAFE_ID.fullmatch(value) else ""
