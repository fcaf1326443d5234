"""Who a connection belongs to, and what that user may hear. Runs on the hub's threads."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.utils.module_loading import import_string

from realtime.client_ids import belongs_to, generated_client_id
from realtime.connection import Identity
from realtime.devices import device_of_token
from realtime.origins import Headers, header_values
from sync.conf import conf as sync_conf
from sync.registry import EVERYONE


def session_user(headers: Headers) -> Any | None:
    """Return the logged-in user of the handshake's session cookie, if there is one."""
    cookies = parse_cookie("; ".join(header_values(headers, b"cookie")))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not session_key or not (session_key.isascii() and session_key.isprintable()):
        return None  # an escaped NUL, say, which PostgreSQL refuses with an error
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def token_user(token: str) -> Any:
    """Return the user of a token, or raise `BadToken`."""
    return device_of_token(token).user


def bearer_token(headers: Headers) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750 section 2.1)."""
    for value in header_values(headers, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    return None


def identify(user: Any, client_id: str | None) -> Identity:
    """Return who is connected, with a client id that is bound to the user.

    An id that belongs to another user is not given; a generated one takes its place.
    """
    audiences = frozenset(audiences_for(user))
    if client_id is None or not belongs_to(client_id, user):
        client_id = generated_client_id(user)
    return Identity(user, client_id, audiences)


def audiences_for(user: Any) -> Iterable[str]:
    """Return the audiences a user belongs to: what the host's function says, else everyone."""
    path = sync_conf().AUDIENCES
    if not path:
        return [EVERYONE]
    function = import_string(path)
    found: Iterable[str] = (
        async_to_sync(function)(user) if iscoroutinefunction(function) else function(user)
    )
    return found
