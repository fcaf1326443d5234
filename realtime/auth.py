"""Who a connection belongs to. Runs on the hub's threads."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from realtime.devices import device_of_token
from realtime.errors import BadToken, Revoked
from realtime.grants import Grant
from realtime.origins import Headers, header_values


def session_grant(headers: Headers) -> Grant | None:
    """Return what the handshake's session cookie grants, if there is a session."""
    user = session_user(headers)
    return None if user is None else Grant(user, functools.partial(_renew_session, headers))


def _renew_session(headers: Headers) -> Grant:
    found = session_grant(headers)
    if found is None:
        raise Revoked("The session has ended.")
    return found


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


def token_grant(token: str, scope: Any) -> Grant:
    """Return what a token grants, or raise `BadToken`."""
    return Grant(device_of_token(token).user, functools.partial(_renew_token, token, scope))


def _renew_token(token: str, scope: Any) -> Grant:
    try:
        return token_grant(token, scope)
    except BadToken as error:
        raise Revoked(str(error)) from None


def bearer_token(headers: Headers) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750 section 2.1)."""
    for value in header_values(headers, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    return None
