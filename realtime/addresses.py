"""Where a client comes from, as far as that can be believed.

Every proxy appends to `X-Forwarded-For` the address that it was reached from, so what the client
itself wrote stands first. Only what trusted proxies appended counts: read from the right, the
first address that is none of theirs.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from realtime.conf import conf
from realtime.origins import header_values

UNIX: Final = "unix"
"""The name in `TRUSTED_PROXIES` of whoever connects by a Unix socket, which has no address."""

IPV6_CLIENT_BITS: Final = 64
"""RFC 6177: the least that one site is given; whoever has it has all its addresses."""

MAX_LENGTH: Final = 64

_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(scope: Any) -> str:
    """Return the address of the client behind a handshake, as text; empty where there is none.

    That is the socket's peer, unless the peer is one of `TRUSTED_PROXIES`.
    """
    client = scope.get("client") or ("",)
    peer = str(client[0] or "")
    address = _parsed(peer)
    if not _is_trusted(address, is_unix=not peer):
        return (str(address) if address else peer)[:MAX_LENGTH]
    return str(_forwarded(scope["headers"]) or address or "")


def counted_as(address: str) -> str | None:
    """Return what the connections of an address are counted under, or None for those that say
    nothing of who came: a Unix socket, and this machine, where a proxy may run that no setting
    names."""
    parsed = _parsed(address)
    if parsed is None or parsed.is_loopback:
        return None
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_CLIENT_BITS), strict=False))


@functools.lru_cache(maxsize=16)
def proxy_networks(proxies: tuple[str, ...]) -> list[Network]:
    """Return the networks of `TRUSTED_PROXIES`, or raise `ImproperlyConfigured`."""
    try:
        return [ipaddress.ip_network(proxy) for proxy in proxies if proxy != UNIX]
    except ValueError as error:
        raise ImproperlyConfigured(f"REALTIME['TRUSTED_PROXIES']: {error}.") from None


def _forwarded(headers: Any) -> Address | None:
    """Return the first address from the right that is not a trusted proxy's; the last one read
    where all are, or what stands before it is no address: beyond, nobody can be believed."""
    found = None
    for text in reversed(list(_elements(headers))):
        address = _parsed(text)
        if address is None:
            return found
        found = address
        if not _is_trusted(address):
            return found
    return found


def _elements(headers: Any) -> Iterable[str]:
    name = conf().FORWARDED_HEADER.lower().encode("latin-1")
    for value in header_values(headers, name):
        yield from value.split(",")


def _is_trusted(address: Address | None, *, is_unix: bool = False) -> bool:
    proxies = tuple(conf().TRUSTED_PROXIES)
    if address is None:
        return is_unix and UNIX in proxies
    return any(address in network for network in proxy_networks(proxies))


def _parsed(text: str) -> Address | None:
    """Return the address that a text is, without port, brackets and zone; an IPv4 address in
    IPv6's clothes is itself."""
    text = text.strip()
    if match := _PORT.fullmatch(text):
        text = match["v6"] or match["v4"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
