"""Who a connection belongs to. Runs on the hub's threads."""

from __future__ import annotations

from typing import Any

from realtime import pairing
from realtime.conf import conf
from realtime.device_grants import device_grant, is_device_token
from realtime.errors import BadToken
from realtime.grants import Grant
from realtime.host_grants import host_grant
from realtime.origins import Headers, header_values
from realtime.session_grants import session_grant

__all__ = ["bearer_token", "pairing_grant", "session_grant", "token_grant"]


def token_grant(token: str, scope: Any) -> Grant:
    """Return what a token grants, or raise `BadToken`, the same for whatever reason.

    What has the form of a device token is one; any other token is the host's own, where the host
    knows any (`REALTIME["AUTHENTICATE"]`).
    """
    if not conf().AUTHENTICATE or is_device_token(token):
        return device_grant(token)
    # Databases refuse a text with a NUL by an error, which would be taken for the host's.
    found = None if "\x00" in token else host_grant(token, scope)
    if found is None:
        raise BadToken()
    return found


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
