"""Gives every change made during a request its request: actor, client, request id."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sync.context import Context, entered
from sync.ordered_ids import ordered_id

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:+/=@-]{1,64}")

_END: Final = object()


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
        context = _context(request)
        with entered(context):
            response: HttpResponseBase = self.get_response(request)
        return _streamed_within(context, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        context = _context(request)
        with entered(context):
            response: HttpResponseBase = await self.get_response(request)
        return _streamed_within(context, response)


def _streamed_within(context: Context, response: HttpResponseBase) -> HttpResponseBase:
    """Let what is written while a response streams, after the view has returned, be the request's
    as well. A file's stream writes nothing, and servers send files in ways of their own."""
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        stream = _astream if response.is_async else _stream
        response.streaming_content = stream(context, response.streaming_content)
    return response


def _stream(context: Context, parts: Any) -> Iterator[Any]:
    parts = iter(parts)
    while True:
        with entered(context):
            part = next(parts, _END)
        if part is _END:
            return
        yield part


async def _astream(context: Context, parts: Any) -> AsyncIterator[Any]:
    parts = aiter(parts)
    while True:
        with entered(context):
            part = await anext(parts, _END)
        if part is _END:
            return
        yield part


def _context(request: HttpRequest) -> Context:
    return Context(
        request=request,
        client_id=_header(request, "X-Client-Id"),
        request_id=_header(request, "X-Request-Id") or ordered_id().hex,
    )


def _header(request: HttpRequest, name: str) -> str:
    """Return a header that is a plain id, else nothing: it is stored, shown and sent on."""
    value = request.headers.get(name, "")
    return value if _SAFE_ID.fullmatch(value) else ""
