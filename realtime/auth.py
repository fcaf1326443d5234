"""Who a connection belongs to. Runs on the hub's threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from realtime import pairing
from realtime.conf import conf
from realtime.device_grants import device_grant, device_grants, is_device_token
from realtime.errors import BadToken
from realtime.grants import Grant
from realtime.host_grants import host_grant
from realtime.origins import Headers, header_values
from realtime.session_grants import session_grant

__all__ = ["bearer_token", "is_hosts", "pairing_grant", "session_grant", "token_grants"]


def is_hosts(token: str) -> bool:
    """Tell whether a token is the host's own: what has the form of a device token is none, and
    there are none where the host knows none (`REALTIME["AUTHENTICATE"]`)."""
    return bool(conf().AUTHENTICATE) and not is_device_token(token)


def token_grants(asked: Sequence[tuple[str, Any]]) -> list[Grant | Exception]:
    """Return for each token and scope what the token grants, or `BadToken`, the same for whatever
    reason; the host's error where it failed. Device tokens take one query for all of them."""
    grants = iter(device_grants([token for token, _ in asked if not is_hosts(token)]))
    return [
        _hosts_grant(token, scope) if is_hosts(token) else next(grants) for token, scope in asked
    ]


def pairing_grant(code: str, address: str) -> tuple[Grant, str]:
    """Use a pairing code up; return what its device's new token grants, and the token.

    Raises `BadToken`, or `RateLimited` where too many wrong codes came.
    """
    token = pairing.redeem(code, address)
    return device_grant(token), token


def bearer_token(headers: Headers) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750 section 2.1)."""
    for value in header_values(headers, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    return None


def _hosts_grant(token: str, scope: Any) -> Grant | Exception:
    try:
        # Databases refuse a text with a NUL by an error, which would be taken for the host's.
        found = None if "\x00" in token else host_grant(token, scope)
    except Exception as error:
        return error
    return BadToken() if found is None else found
