"""Which pages may connect, and with what: the defence against cross-site WebSocket hijacking.

A browser sends cookies with every WebSocket handshake, whoever's page opened it, so only pages of
the site itself may use them. Desktop and mobile shells come from `file://`, `null`, `app://` or
without any Origin (RFC 6455 section 10.2: non-browser clients need not send one): they may connect,
but only a token says who they are.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from realtime.conf import conf

Headers = Sequence[tuple[bytes, bytes]]

_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]


class Origin(enum.Enum):
    """How far the page that opens a connection is trusted."""

    OWN = enum.auto()
    """A page of the site: its cookies count."""
    TOKEN_ONLY = enum.auto()
    """No page of any site: only a token counts."""
    FOREIGN = enum.auto()
    """Another site's page: refused."""


def origin_of(headers: Headers) -> Origin:
    """Classify the origin of a handshake."""
    origins = header_values(headers, b"origin")
    if not origins:
        return Origin.TOKEN_ONLY
    if len(origins) > 1:
        return Origin.FOREIGN
    return _classify(origins[0].strip().lower(), headers)


def header_values(headers: Headers, name: bytes) -> list[str]:
    """Return every value of a header, for a header sent twice may not be what it seems."""
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _classify(origin: str, headers: Headers) -> Origin:
    if origin == "null":
        return Origin.TOKEN_ONLY
    if origin in conf().ALLOWED_ORIGINS:
        return Origin.OWN
    try:
        parts = urlsplit(origin)
    except ValueError:
        return Origin.FOREIGN
    if parts.scheme in conf().TOKEN_ORIGIN_SCHEMES:
        return Origin.TOKEN_ONLY
    if parts.scheme in {"http", "https"} and _is_own_host(parts.netloc, headers):
        return Origin.OWN
    return Origin.FOREIGN


def _is_own_host(netloc: str, headers: Headers) -> bool:
    allowed = list(settings.ALLOWED_HOSTS) or (_DEBUG_HOSTS if settings.DEBUG else [])
    domain, _ = split_domain_port(netloc)
    if "*" not in allowed:
        return bool(domain) and validate_host(domain, allowed)
    # A wildcard allows every Host, which must not mean every site: the page has to come from
    # the very host that it connects to.
    return [netloc] == [host.lower() for host in header_values(headers, b"host")]
