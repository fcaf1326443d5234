"""The name a client keeps over its connections: never a secret, and never another user's.

A client chooses one, and it belongs to the first user who does; or it is given one, which carries
its owner's signature, so that it needs no place in the database.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from django.db import router, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from realtime.errors import InvalidMessage
from realtime.origins import header_values

if TYPE_CHECKING:
    from realtime.models import Client

Claim = tuple[str, Any]
"""A client id, and the user who comes with it."""

_CHOSEN: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_GENERATED: Final = re.compile(r"hub-([0-9a-f]{16})-([0-9a-f]{32})", re.ASCII)
_SALT: Final = "realtime.client_ids"


def given_client_id(scope: Any) -> str | None:
    """Return the client id of a handshake: the `x-client-id` header, else `?client_id=`."""
    headers = header_values(scope["headers"], b"x-client-id")
    if headers:
        return headers[0]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["client_id"][0] if "client_id" in query else None


def checked_client_id(client_id: str) -> str:
    """Return a client id that may be used, or raise `InvalidMessage`."""
    if not _CHOSEN.fullmatch(client_id):
        raise InvalidMessage(
            "A client id has 1 to 64 of the characters A-Z a-z 0-9 . _ : - ; another one was given"
            " to this connection."
        )
    return client_id


def generated_client_id(user: Any) -> str:
    """Return a new client id that only this user can use again."""
    random = secrets.token_hex(8)
    return f"hub-{random}-{_signature(random, user)}"


def is_generated(client_id: str) -> bool:
    """Tell whether a client id has the form of those that carry their owner's signature."""
    return _GENERATED.fullmatch(client_id) is not None


def belong_to(claims: Sequence[Claim]) -> list[bool]:
    """Tell of each client id whether it is its user's; one that is nobody's becomes the first's.

    Whatever their number, in a few statements; raises what the database raises, for all of them.
    """
    chosen = [claim for claim in claims if not is_generated(claim[0])]
    owners = _bound(chosen) if chosen else {}
    return [
        owners[client_id] == user.pk if client_id in owners else _is_signed(client_id, user)
        for client_id, user in claims
    ]


def _signature(random: str, user: Any) -> str:
    return salted_hmac(_SALT, f"{random}:{user.pk}", algorithm="sha256").hexdigest()[:32]


def _is_signed(client_id: str, user: Any) -> bool:
    generated = _GENERATED.fullmatch(client_id)
    return generated is not None and constant_time_compare(
        generated[2], _signature(generated[1], user)
    )


def _bound(claims: Sequence[Claim]) -> dict[str, Any]:
    """Return whose each client id is, after those that were nobody's have been taken."""
    from realtime.models import Client

    using = router.db_for_write(Client)
    ids = {client_id for client_id, _ in claims}
    with transaction.atomic(using=using):
        found = _locked(using, ids)
        _note(using, found, claims)
    if ids == found.keys():
        return {client_id: row.user_id for client_id, row in found.items()}
    for client_id, user in _first_of_each([claim for claim in claims if claim[0] not in found]):
        # A transaction each: together they would lock several users' rows, in an order in which a
        # transaction of the host's may have locked them the other way round.
        row = Client(client_id=client_id, user=user)
        Client.objects.using(using).bulk_create([row], ignore_conflicts=True)
    taken = Client.objects.using(using).filter(client_id__in=ids)
    owners = dict(taken.values_list("client_id", "user_id"))
    # What is missing was removed this moment, or its user was: then it is nobody's.
    return dict.fromkeys(ids) | owners


def _locked(using: str, ids: Iterable[str]) -> dict[str, Client]:
    """Return the rows of client ids, locked in one order, for they are about to be written."""
    from realtime.models import Client

    rows = Client.objects.using(using).filter(client_id__in=ids).only("client_id", "user_id")
    return {row.client_id: row for row in rows.order_by("client_id").select_for_update()}


def _note(using: str, found: dict[str, Client], claims: Sequence[Claim]) -> None:
    """Note that clients have come back; not on somebody else's trying."""
    from realtime.models import Client

    pks = [
        found[client_id].pk
        for client_id, user in claims
        if client_id in found and found[client_id].user_id == user.pk
    ]
    if pks:
        here = Client.objects.using(using).filter(pk__in=pks)
        here.update(last_seen_at=timezone.now())


def _first_of_each(claims: Sequence[Claim]) -> list[Claim]:
    return list({client_id: (client_id, user) for client_id, user in reversed(claims)}.values())
