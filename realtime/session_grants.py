"""What the session cookie of a handshake grants. Runs on the hub's threads."""

from __future__ import annotations

import datetime
import functools
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from realtime.grants import Grant, is_over, renewed
from realtime.origins import Headers, header_values

_ONE_MOMENT: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_ANOTHER: Final = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def session_grant(headers: Headers) -> Grant | None:
    """Return what the handshake's session cookie grants; None where no active user is logged in.

    The grant expires only where the session does at a fixed moment: the end of any other moves
    whenever the session is saved.
    """
    cookies = parse_cookie("; ".join(header_values(headers, b"cookie")))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not session_key or not (session_key.isascii() and session_key.isprintable()):
        return None  # an escaped NUL, say, which PostgreSQL refuses with an error
    return _granted(session_key)


def _granted(session_key: str) -> Grant | None:
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    # With a former SECRET_KEY Django would give the session another name, and the browser, which
    # cannot be told of it here, would be logged out.
    session.cycle_key = lambda: None
    request = HttpRequest()
    request.session = session
    user = get_user(request)
    if not user.is_authenticated or not user.is_active:
        return None
    expires_at = fixed_end(session)
    if is_over(expires_at):
        return None
    again = functools.partial(_renew, session_key, user.pk, expires_at)
    return Grant(user, again, expires_at)


def fixed_end(session: Any) -> datetime.datetime | None:
    """Return when a session ends, or None where that depends on when it is saved last."""
    end: datetime.datetime = session.get_expiry_date(modification=_ONE_MOMENT)
    return end if end == session.get_expiry_date(modification=_ANOTHER) else None


def _renew(session_key: str, user_pk: Any, expires_at: datetime.datetime | None) -> Grant:
    return renewed(_granted(session_key), user_pk, expires_at)
