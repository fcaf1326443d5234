"""What a user may hear: asked of the host, within what the credential is good for.

Runs on the hub's threads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from realtime import rights_history, watching
from realtime.client_ids import belong_to, generated_client_id
from realtime.connection import Identity
from realtime.errors import EndsConnection
from realtime.grants import Grant, renewed_all
from realtime.host_audiences import audiences_of_all

Asker = tuple[Any, bool]
"""The key of a user, and whether it is asked for a page that watches the history."""


def identify_all(asked: Sequence[tuple[Grant, str | None]]) -> list[Identity | Exception]:
    """Return for each grant and client id who is connected, with a client id that is bound to the
    user; the host's error where it cannot say what the user may hear.

    An id that belongs to another user is not given; a generated one takes its place. The host is
    asked once for a user.
    """
    claims = [(client_id, grant.user) for grant, client_id in asked if client_id is not None]
    are_theirs = iter(belong_to(claims))
    heard = _heard_by(grant for grant, _ in asked)
    return [
        _identity(
            grant,
            client_id if client_id is not None and next(are_theirs) else None,
            heard[_asker(grant)],
        )
        for grant, client_id in asked
    ]


def confirmed(identity: Identity) -> Identity | EndsConnection:
    """Return who is connected as it is now, or why that has ended.

    What was committed before the call counts. So a page that was read before it, and is sent for
    what it returns, holds nothing that was not the user's when it was written.
    """
    (found,) = confirmed_all([identity])
    if isinstance(found, Exception) and not isinstance(found, EndsConnection):
        raise found
    return found


def confirmed_all(identities: Sequence[Identity]) -> list[Identity | Exception]:
    """Return for each what `confirmed` returns, or the error where it could not be looked up.

    The host is asked once for a user, however many connections it has, and what can be looked up
    for all at once is.
    """
    grants = renewed_all([identity.grant for identity in identities])
    heard = _heard_by(grant for grant in grants if isinstance(grant, Grant))
    return [
        _confirmed(identity, grant, heard)
        for identity, grant in zip(identities, grants, strict=True)
    ]


def _identity(
    grant: Grant, client_id: str | None, every: frozenset[str] | Exception
) -> Identity | Exception:
    if isinstance(every, Exception):
        return every
    client_id = client_id or generated_client_id(grant.user)
    return Identity(grant.user, client_id, _within(every, grant), grant)


def _confirmed(
    identity: Identity,
    grant: Grant | Exception,
    heard: Mapping[Asker, frozenset[str] | Exception],
) -> Identity | Exception:
    if isinstance(grant, Exception):
        return grant
    audiences = heard[_asker(grant)]
    if isinstance(audiences, Exception):
        return audiences
    within = _within(audiences, grant)
    return dataclasses.replace(identity, user=grant.user, audiences=within, grant=grant)


def _asker(grant: Grant) -> Asker:
    return grant.user.pk, grant.watches


def _heard_by(grants: Iterable[Grant]) -> dict[Asker, frozenset[str] | Exception]:
    """Return what each user hears, and keep it; the error where that cannot be said. What pages
    hear that watch the history is the hub's to say, and not kept: no record follows from it."""
    users = {_asker(grant): grant.user for grant in grants}
    hosts = {key: user for (key, watches), user in users.items() if not watches}
    heard = dict(zip(hosts, audiences_of_all(list(hosts.values())), strict=True))
    known = {key: names for key, names in heard.items() if isinstance(names, frozenset)}
    heard |= rights_history.remember_all(known)
    return {
        (key, watches): _watched_by(user) if watches else heard[key]
        for (key, watches), user in users.items()
    }


def _watched_by(user: Any) -> frozenset[str] | Exception:
    try:
        return watching.audiences_of(user)
    except Exception as error:
        return error


def _within(audiences: frozenset[str], grant: Grant) -> frozenset[str]:
    return audiences if grant.audiences is None else audiences & grant.audiences
