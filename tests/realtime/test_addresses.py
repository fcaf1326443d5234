"""Where a client comes from: what proxies say that are trusted, and nothing that others say."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from realtime.addresses import client_address, counted_as, proxy_networks

CLIENT, FORGED, PROXY, INNER = "203.0.113.9", "198.51.100.1", "10.0.0.1", "10.0.0.2"


def scope(peer: str | None, *forwarded: str, header: str = "x-forwarded-for"):
    client = None if peer is None else [peer, 50000]
    return {
        "client": client,
        "headers": [(header.encode(), value.encode()) for value in forwarded],
    }


def test_without_trusted_proxies_the_peer_is_the_client_whatever_it_says():
    assert client_address(scope(CLIENT, FORGED)) == CLIENT
    assert client_address(scope(PROXY, CLIENT)) == PROXY


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([CLIENT], CLIENT),
        ([f"{FORGED}, {CLIENT}"], CLIENT),
        ([f"{FORGED},{FORGED}", CLIENT], CLIENT),
        ([f"{FORGED}, {CLIENT}, {INNER}"], CLIENT),
        ([f"{INNER}, {CLIENT}"], CLIENT),
        ([f"{CLIENT}, {INNER}", PROXY], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        (["fe80::1%eth0"], "fe80::1"),
        ([INNER], INNER),
        ([f"{FORGED}, nonsense"], PROXY),
        ([f"{FORGED}, nonsense, {INNER}"], INNER),
        ([f"{FORGED}, unknown, {CLIENT}"], CLIENT),
        ([""], PROXY),
        ([], PROXY),
        (["1.2.3.4.5"], PROXY),
        ([f"for={CLIENT}"], PROXY),
    ],
)
def test_of_what_proxies_say_the_last_address_that_is_no_proxy_counts(settings, forwarded, address):
    settings.REALTIME = {"TRUSTED_PROXIES": ["10.0.0.0/24"]}
    assert client_address(scope(PROXY, *forwarded)) == address


def test_who_is_no_proxy_is_not_believed(settings):
    settings.REALTIME = {"TRUSTED_PROXIES": ["10.0.0.0/24"]}
    assert client_address(scope(CLIENT, FORGED)) == CLIENT


def test_a_header_with_one_value_may_be_named_instead(settings):
    settings.REALTIME = {"TRUSTED_PROXIES": [PROXY], "FORWARDED_HEADER": "X-Real-IP"}
    assert client_address(scope(PROXY, CLIENT, header="x-real-ip")) == CLIENT
    assert client_address(scope(PROXY, FORGED)) == PROXY


def test_a_proxy_on_a_unix_socket_is_trusted_by_that_name(settings):
    assert client_address(scope(None, CLIENT)) == ""
    settings.REALTIME = {"TRUSTED_PROXIES": ["unix"]}
    assert client_address(scope(None, CLIENT)) == CLIENT
    assert client_address(scope(None)) == ""
    assert client_address(scope(PROXY, CLIENT)) == PROXY


def test_a_peer_in_another_form_is_the_same_proxy(settings):
    settings.REALTIME = {"TRUSTED_PROXIES": [PROXY]}
    assert client_address(scope(f"::ffff:{PROXY}", CLIENT)) == CLIENT


def test_a_peer_without_an_address_is_named_as_it_is():
    assert client_address(scope("testclient")) == "testclient"
    assert client_address({"headers": []}) == ""
    assert len(client_address(scope("x" * 200))) == 64


@given(st.lists(st.text(max_size=30), max_size=5))
def test_whatever_a_client_writes_it_is_counted_where_it_comes_from(written):
    from django.test import override_settings

    with override_settings(REALTIME={"TRUSTED_PROXIES": [PROXY]}):
        text = ", ".join([*written, CLIENT])
        headers = [(b"x-forwarded-for", text.encode("latin-1", "replace"))]
        assert client_address({"client": [PROXY, 1], "headers": headers}) == CLIENT


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (CLIENT, CLIENT),
        (f"::ffff:{CLIENT}", CLIENT),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("", None),
        ("testclient", None),
    ],
)
def test_a_site_of_ipv6_counts_as_one_and_this_machine_as_nobody(address, counted):
    assert counted_as(address) == counted


def test_a_proxy_that_is_no_network_is_an_error_that_names_it():
    with pytest.raises(ImproperlyConfigured, match=r"TRUSTED_PROXIES.*nginx"):
        proxy_networks(("nginx",))
