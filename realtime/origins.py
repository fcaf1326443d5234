"""Which pages may connect, and with what: the defence against cross-site WebSocket hijacking.

A browser sends cookies with every WebSocket handshake, whoever's page opened it, so only pages of
the site itself may use them: those that came from the very scheme, host and port that the handshake
goes to. Cookies know no ports, and some no scheme, so whatever else is served by the same host
would else speak as its user. Desktop and mobile shells come from `file://`, `null`, `app://` or
without any Origin (RFC 6455 section 10.2: non-browser clients need not send one): they may connect,
but only a token says who they are.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from realtime.conf import conf

Headers = Sequence[tuple[bytes, bytes]]

_DEBUG_HOSTS: Final = [".localhost", "127.0.0.1", "[::1]"]
_PORTS: Final = {"http": "80", "https": "443"}
_SECURE_SCHEMES: Final = frozenset({"https", "wss"})


class Origin(enum.Enum):
    """How far the page that opens a connection is trusted."""

    OWN = enum.auto()
    """A page of the site: its cookies count."""
    TOKEN_ONLY = enum.auto()
    """A shell, or another page of a host in `ALLOWED_HOSTS`: only a token counts."""
    FOREIGN = enum.auto()
    """Another site's page: refused."""


def origin_of(headers: Headers, scheme: str = "") -> Origin:
    """Classify the origin of a handshake; `scheme` is that of the server's URL, where known."""
    origins = header_values(headers, b"origin")
    if not origins:
        return Origin.TOKEN_ONLY
    if len(origins) > 1:
        return Origin.FOREIGN
    return _classify(origins[0].strip().lower(), headers, scheme)


def header_values(headers: Headers, name: bytes) -> list[str]:
    """Return every value of a header, for a header sent twice may not be what it seems."""
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _classify(origin: str, headers: Headers, scheme: str) -> Origin:
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
    if origin not in {f"http://{parts.netloc}", f"https://{parts.netloc}"}:
        return Origin.FOREIGN
    domain, port = split_domain_port(parts.netloc)
    if not domain:
        return Origin.FOREIGN
    is_same = (domain, port or _PORTS[parts.scheme]) == _host(headers, _PORTS[parts.scheme])
    if not _is_allowed(domain, is_same):
        return Origin.FOREIGN
    if not is_same or (parts.scheme == "http" and _is_secure(headers, scheme)):
        return Origin.TOKEN_ONLY
    return Origin.OWN


def _host(headers: Headers, default_port: str) -> tuple[str, str] | None:
    """Return the host and port that the handshake goes to, as Django reads them from a request."""
    hosts = header_values(headers, b"host")
    if settings.USE_X_FORWARDED_HOST:
        hosts = header_values(headers, b"x-forwarded-host") or hosts
    if len(hosts) != 1:
        return None
    domain, port = split_domain_port(hosts[0].lower())
    return domain, port or default_port


def _is_allowed(domain: str, is_same: bool) -> bool:
    """Tell whether a host is the site's. A wildcard allows every Host, which must not mean every
    site: then the page has to come from the very host that it connects to."""
    allowed = list(settings.ALLOWED_HOSTS) or (_DEBUG_HOSTS if settings.DEBUG else [])
    return is_same if "*" in allowed else validate_host(domain, allowed)


def _is_secure(headers: Headers, scheme: str) -> bool:
    """Tell whether the site is served by HTTPS, so that a page without it, into which anybody on
    the way can write, is not the site's."""
    if settings.SESSION_COOKIE_SECURE or settings.SECURE_SSL_REDIRECT or scheme in _SECURE_SCHEMES:
        return True
    if not settings.SECURE_PROXY_SSL_HEADER:
        return False
    name, secure = settings.SECURE_PROXY_SSL_HEADER
    header = name.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1")
    return any(value.split(",")[0].strip() == secure for value in header_values(headers, header))
