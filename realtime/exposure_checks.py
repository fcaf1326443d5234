"""System checks: settings with which strangers get in, or hear what is not theirs."""

from __future__ import annotations

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port, validate_host

from realtime.addresses import proxy_networks
from realtime.conf import conf
from realtime.tables import has_table
from sync.conf import conf as sync_conf

THIS_MACHINE: Final = [".localhost", "testserver"]


@register("realtime")
def debugging_stays_at_home(**kwargs: Any) -> list[CheckMessage]:
    """Check that error pages with the inside of the site are not shown to others."""
    public = [host for host in settings.ALLOWED_HOSTS if not _is_this_machine(host)]
    if not settings.DEBUG or not public:
        return []
    return [
        Warning(
            f"DEBUG is on and {', '.join(public)} may be asked for: errors show settings and"
            " data to whoever makes them, and every query is kept in memory.",
            hint="Set DEBUG to False, or leave this machine alone in ALLOWED_HOSTS.",
            id="realtime.W010",
        )
    ]


@register("realtime")
def hosts_are_named(**kwargs: Any) -> list[CheckMessage]:
    """Check that the site knows its own names."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS is '*': whatever name somebody makes point here is the site's own, so"
            " that its pages may use cookies.",
            hint="Name the hosts of the site in ALLOWED_HOSTS.",
            id="realtime.W011",
        )
    ]


@register("realtime")
def named_origins_can_match(**kwargs: Any) -> list[CheckMessage]:
    """Check that what is named in `ALLOWED_ORIGINS` is an origin as a browser writes it."""
    return [
        Error(
            f"REALTIME['ALLOWED_ORIGINS'] has {origin!r}, which no browser sends.",
            hint="Write scheme://host or scheme://host:port, in lower case, without a slash at the"
            " end. There is no wildcard.",
            id="realtime.E010",
        )
        for origin in conf().ALLOWED_ORIGINS
        if not _is_origin(origin)
    ]


@register("realtime")
def proxies_are_addresses(**kwargs: Any) -> list[CheckMessage]:
    """Check that proxies can be told from clients."""
    try:
        networks = proxy_networks(tuple(conf().TRUSTED_PROXIES))
    except ImproperlyConfigured as error:
        hint = "Name addresses, networks such as 10.0.0.0/24, or 'unix'."
        return [Error(str(error), hint=hint, id="realtime.E011")]
    if all(network.prefixlen for network in networks):
        return []
    return [
        Error(
            "REALTIME['TRUSTED_PROXIES'] trusts everybody: a client can say that it comes from"
            " wherever it likes, and is limited by no address.",
            hint="Name the addresses of the proxies alone.",
            id="realtime.E012",
        )
    ]


@register("realtime")
def proxies_are_known(**kwargs: Any) -> list[CheckMessage]:
    """Check that the proxy which Django is told of is known to the hub as well."""
    told = settings.SECURE_PROXY_SSL_HEADER or settings.USE_X_FORWARDED_HOST
    if not told or conf().TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "There is a proxy, and REALTIME['TRUSTED_PROXIES'] does not name it: all clients have"
            " its address, and share what one address may have.",
            hint="Name the addresses of the proxies, or 'unix'.",
            id="realtime.W012",
        )
    ]


@register(Tags.database, "realtime")
def users_are_told_apart(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that not everybody hears everything for want of a function that says who hears what."""
    if sync_conf().AUDIENCES or not has_table(get_user_model(), databases):
        return []
    if get_user_model()._default_manager.order_by("pk")[:2].count() < 2:
        return []
    return [
        Warning(
            "There are several users, and SYNC['AUDIENCES'] is not set: each of them hears every"
            " change of the default audience.",
            hint="Name a function audiences_for(user), or silence this check where that is meant.",
            id="realtime.W013",
        )
    ]


def _is_this_machine(host: str) -> bool:
    domain, _ = split_domain_port(host.lower())
    if validate_host(domain, THIS_MACHINE):
        return True
    try:
        return ipaddress.ip_address(domain.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_whole = bool(parts.scheme and parts.netloc) and text == f"{parts.scheme}://{parts.netloc}"
    return is_whole and text == text.lower() and not {"*", "@"} & set(text)
