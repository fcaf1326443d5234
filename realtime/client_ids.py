"""The name a client keeps over its connections: never a secret, and never another user's.

A client chooses one, and it belongs to the first user who does; or it is given one, which carries
its owner's signature, so that it needs no place in the database.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final
from urllib.parse import parse_qs

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from realtime.errors import InvalidMessage
from realtime.origins import header_values

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


def belongs_to(client_id: str, user: Any) -> bool:
    """Tell whether a client id is the user's; one that is nobody's becomes it."""
    generated = _GENERATED.fullmatch(client_id)
    if generated is not None:
        return constant_time_compare(generated[2], _signature(generated[1], user))
    return _bind(client_id, user)


def _signature(random: str, user: Any) -> str:
    return salted_hmac(_SALT, f"{random}:{user.pk}", algorithm="sha256").hexdigest()[:32]


def _bind(client_id: str, user: Any) -> bool:
    from realtime.models import Client

    same_id = Client.objects.filter(client_id=client_id)
    found = same_id.first()
    if found is None:
        try:
            with transaction.atomic():
                Client.objects.create(client_id=client_id, user=user)
        except IntegrityError:
            found = same_id.first()
            if found is None:  # it was not the id that another took: the user is gone, say
                raise
        else:
            return True
    if found.user_id != user.pk:
        return False
    Client.objects.filter(pk=found.pk).update(last_seen_at=timezone.now())
    return True
