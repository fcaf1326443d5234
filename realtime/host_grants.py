"""What a token of the host's own grants: `REALTIME["AUTHENTICATE"]` knows. Runs on the hub's
threads."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import inspect
from collections.abc import Awaitable, Collection
from typing import Any, Final

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.module_loading import import_string

from realtime.conf import conf
from realtime.errors import AuthenticateFailed
from realtime.grants import Grant, is_over, renewed

_WRONG: Final = (
    "REALTIME['AUTHENTICATE'] must return a saved user, None or realtime.Authenticated: {}."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Authenticated:
    """The user of a token, and how far the token reaches.

    `expires_at`, an aware datetime, is when the connection ends; None for never. `audiences` are
    those of the user's that the token is good for; None for all.
    """

    user: Any
    expires_at: datetime.datetime | None = None
    audiences: Collection[str] | None = None


def host_grant(token: str, scope: Any) -> Grant | None:
    """Return what the host's function says a token grants; None where it is not valid.

    Raises `AuthenticateFailed` where the function fails or returns something else: that is no word
    about the token.
    """
    found = _checked(_asked(token, scope))
    if found is None or not found.user.is_active or is_over(found.expires_at):
        return None
    again = functools.partial(_renew, token, scope, found.user.pk, found.expires_at)
    audiences = None if found.audiences is None else frozenset(found.audiences)
    return Grant(found.user, again, found.expires_at, audiences)


def _renew(token: str, scope: Any, user_pk: Any, expires_at: datetime.datetime | None) -> Grant:
    return renewed(host_grant(token, scope), user_pk, expires_at)


def _asked(token: str, scope: Any) -> Any:
    try:
        found = import_string(conf().AUTHENTICATE)(token, scope)
        return async_to_sync(_awaited)(found) if inspect.isawaitable(found) else found
    except Exception as error:
        # Also because a StopIteration, raised on a thread, would never reach who waits for it.
        raise AuthenticateFailed(f"REALTIME['AUTHENTICATE'] failed: {error!r}") from error


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _checked(found: Any) -> Authenticated | None:
    answer = found if isinstance(found, Authenticated) else Authenticated(found)
    user = answer.user
    if user is None or getattr(user, "is_anonymous", False) is True:
        return None
    if not isinstance(user, get_user_model()) or user.pk is None:
        raise AuthenticateFailed(_WRONG.format(f"{type(user).__name__} is none of these"))
    if not _is_moment(answer.expires_at):
        raise AuthenticateFailed(_WRONG.format("expires_at must be an aware datetime or None"))
    if not _are_names(answer.audiences):
        raise AuthenticateFailed(_WRONG.format("audiences must be several texts or None"))
    return answer


def _is_moment(value: Any) -> bool:
    return value is None or (isinstance(value, datetime.datetime) and timezone.is_aware(value))


def _are_names(value: Any) -> bool:
    if value is None:
        return True
    is_several = isinstance(value, list | tuple | set | frozenset)
    return is_several and all(isinstance(name, str) for name in value)
