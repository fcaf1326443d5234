"""What users hear by what the host says: `SYNC["AUDIENCES"]` knows. Runs on the hub's threads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from realtime import watching
from realtime.answers import answers
from sync.bulk_audiences import is_in_bulk
from sync.conf import conf as sync_conf
from sync.registry import EVERYONE, MAX_AUDIENCE_LENGTH

_RESERVED: Final = "{!r} is an audience of the hub's own: SYNC['AUDIENCES'] must name it otherwise."
_WRONG: Final = "SYNC['AUDIENCES'] must return texts of 1 to {} characters, but returned {!r}."
_NO_MAPPING: Final = (
    "SYNC['AUDIENCES'] is in bulk: it must return a dictionary of users' keys, but returned {!r}."
)
_LEFT_OUT: Final = (
    "SYNC['AUDIENCES'] is in bulk, and left out the user with the key {!r}. Return an entry for"
    " each user, of no names for who hears nothing."
)


def audiences_for(user: Any) -> frozenset[str]:
    """Return the audiences a user belongs to: what the host's function says, else everyone.

    Raises `ImproperlyConfigured` for what cannot be names of audiences.
    """
    (found,) = audiences_of_all([user])
    if isinstance(found, Exception):
        raise found
    return found


def audiences_of_all(users: Sequence[Any]) -> list[frozenset[str] | Exception]:
    """Return what each user hears, or the error where the host cannot say it; by one call of the
    host's function where that is `sync.in_bulk`."""
    path = sync_conf().AUDIENCES
    if not path:
        return [frozenset([EVERYONE])] * len(users)
    try:
        function = import_string(path)
    except Exception as error:
        return [error] * len(users)
    asked = async_to_sync(function) if iscoroutinefunction(function) else function
    if is_in_bulk(function):
        return answers(functools.partial(_said_of_all, asked), users) if users else []
    return [_said_of(asked, user) for user in users]


def _said_of(function: Callable[[Any], Iterable[str]], user: Any) -> frozenset[str] | Exception:
    try:
        return _checked(function(user))
    except Exception as error:
        return error


def _said_of_all(
    function: Callable[[Sequence[Any]], Mapping[Any, Iterable[str]]], users: list[Any]
) -> list[frozenset[str] | Exception]:
    found = function(users)
    if not isinstance(found, Mapping):
        raise ImproperlyConfigured(_NO_MAPPING.format(found))
    return [_said_of(lambda one: _entry(found, one), user) for user in users]


def _entry(found: Mapping[Any, Iterable[str]], user: Any) -> Iterable[str]:
    if user.pk not in found:
        raise ImproperlyConfigured(_LEFT_OUT.format(user.pk))
    return found[user.pk]


def _checked(found: Iterable[str]) -> frozenset[str]:
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise ImproperlyConfigured(_WRONG.format(MAX_AUDIENCE_LENGTH, found))
    return frozenset(_checked_name(name) for name in found)


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_AUDIENCE_LENGTH:
        raise ImproperlyConfigured(_WRONG.format(MAX_AUDIENCE_LENGTH, name))
    if name == watching.HISTORY:
        raise ImproperlyConfigured(_RESERVED.format(name))
    return name
