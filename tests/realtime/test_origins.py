"""Whose pages may connect, and with what."""

from __future__ import annotations

import pytest

from realtime.origins import Origin, header_values, origin_of

OWN, TOKEN_ONLY, FOREIGN = Origin.OWN, Origin.TOKEN_ONLY, Origin.FOREIGN


def handshake(*origins: str, host: str = "hub.example.com") -> list[tuple[bytes, bytes]]:
    return [
        (b"host", host.encode()),
        *((b"origin", origin.encode("latin-1")) for origin in origins),
    ]


@pytest.fixture(autouse=True)
def no_settings_of_the_host(settings):
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = []
    settings.REALTIME = {}


@pytest.mark.parametrize(
    ("allowed_hosts", "origins", "trust"),
    [
        (["hub.example.com"], ["https://hub.example.com"], OWN),
        (["hub.example.com"], ["http://hub.example.com"], OWN),
        (["hub.example.com"], ["https://hub.example.com:443"], OWN),
        (["hub.example.com"], ["https://hub.example.com:8443"], TOKEN_ONLY),
        (["hub.example.com"], ["http://hub.example.com:443"], TOKEN_ONLY),
        (["hub.example.com"], ["https://hub.example.com/"], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com?a"], FOREIGN),
        (["hub.example.com"], ["HTTPS://HUB.EXAMPLE.COM"], OWN),
        (["hub.example.com"], ["https://hub.example.com."], OWN),
        (["hub.example.com"], [" https://hub.example.com "], OWN),
        (["hub.example.com"], ["https://example.com"], FOREIGN),
        (["hub.example.com"], ["https://www.hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com.evil.org"], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com@evil.org"], FOREIGN),
        (["hub.example.com"], ["https://evil.org@hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://evil.org/hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://evil.org#hub.example.com"], FOREIGN),
        (["hub.example.com"], ["hub.example.com"], FOREIGN),
        (["hub.example.com"], ["ftp://hub.example.com"], FOREIGN),
        (["hub.example.com"], ["ws://hub.example.com"], FOREIGN),
        (["hub.example.com"], ["chrome-extension://hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://"], FOREIGN),
        (["hub.example.com"], ["https://["], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com:port"], FOREIGN),
        (["hub.example.com"], ["//hub.example.com"], FOREIGN),
        (["hub.example.com"], [""], FOREIGN),
        (["hub.example.com"], ["\xfc\x00"], FOREIGN),
        (["hub.example.com"], ["javascript:alert(1)"], FOREIGN),
        ([".example.com"], ["https://hub.example.com"], OWN),
        ([".example.com"], ["https://any.example.com"], TOKEN_ONLY),
        ([".example.com"], ["https://example.com"], TOKEN_ONLY),
        ([".example.com"], ["https://evilexample.com"], FOREIGN),
        (
            ["xn--mnchen-3ya.example.com", "hub.example.com"],
            ["https://m\xfcnchen.example.com"],
            FOREIGN,
        ),
        (["127.0.0.1"], ["http://127.0.0.1:8000"], TOKEN_ONLY),
        ([], ["https://hub.example.com"], FOREIGN),
        ([], ["http://localhost"], FOREIGN),
        (["hub.example.com"], [], TOKEN_ONLY),
        (["hub.example.com"], ["null"], TOKEN_ONLY),
        (["hub.example.com"], ["NULL"], TOKEN_ONLY),
        (["hub.example.com"], ["file://"], TOKEN_ONLY),
        (["hub.example.com"], ["file:///opt/planner/index.html"], TOKEN_ONLY),
        (["hub.example.com"], ["app://planner"], TOKEN_ONLY),
        (["hub.example.com"], ["app://hub.example.com"], TOKEN_ONLY),
        (["hub.example.com"], ["capacitor://localhost"], TOKEN_ONLY),
        (["hub.example.com"], ["ionic://localhost"], TOKEN_ONLY),
        (["hub.example.com"], ["tauri://localhost"], TOKEN_ONLY),
        (["null"], ["null"], TOKEN_ONLY),
        (["hub.example.com"], ["https://hub.example.com", "https://evil.org"], FOREIGN),
        (["hub.example.com"], ["https://evil.org", "https://hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com"] * 2, FOREIGN),
        (["hub.example.com"], ["null", "https://hub.example.com"], FOREIGN),
        (["hub.example.com"], ["https://hub.example.com, https://evil.org"], FOREIGN),
        (["*"], ["https://hub.example.com"], OWN),
        (["*"], ["HTTPS://Hub.Example.com"], OWN),
        (["*"], ["https://evil.org"], FOREIGN),
        (["*"], ["https://www.hub.example.com"], FOREIGN),
        (["*"], ["https://hub.example.com:8443"], FOREIGN),
        (["*"], ["null"], TOKEN_ONLY),
        (["*"], [], TOKEN_ONLY),
        (["*", "hub.example.com"], ["https://evil.org"], FOREIGN),
    ],
)
def test_each_origin_is_trusted_as_far_as_it_deserves(settings, allowed_hosts, origins, trust):
    settings.ALLOWED_HOSTS = allowed_hosts
    assert origin_of(handshake(*origins)) is trust


@pytest.mark.parametrize(
    ("host", "origin", "trust"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", OWN),
        ("127.0.0.1:8000", "http://127.0.0.1:3000", TOKEN_ONLY),
        ("127.0.0.1:8000", "http://127.0.0.1", TOKEN_ONLY),
        ("127.0.0.1:80", "http://127.0.0.1", OWN),
        ("127.0.0.1", "http://127.0.0.1:80", OWN),
        ("[::1]:8000", "http://[::1]:8000", OWN),
        ("[::1]:8000", "http://[::1]:3000", TOKEN_ONLY),
        ("xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example", OWN),
        ("XN--Mnchen-3ya.example", "https://xn--mnchen-3ya.example", OWN),
        ("hub.example.com:443", "https://hub.example.com", OWN),
        ("hub.example.com:80", "https://hub.example.com", TOKEN_ONLY),
        ("", "https://hub.example.com", TOKEN_ONLY),
    ],
)
def test_an_own_page_comes_from_the_very_host_and_port_it_connects_to(
    settings, host, origin, trust
):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "[::1]", "xn--mnchen-3ya.example", "hub.example.com"]
    assert origin_of(handshake(origin, host=host)) is trust


def test_two_host_headers_prove_nothing(settings):
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    headers = [*handshake("https://hub.example.com"), (b"host", b"hub.example.com")]
    assert origin_of(headers) is TOKEN_ONLY


def test_the_host_that_a_proxy_forwards_counts_where_django_believes_it(settings):
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    headers = [
        *handshake("https://hub.example.com", host="127.0.0.1:8000"),
        (b"x-forwarded-host", b"hub.example.com"),
    ]
    assert origin_of(headers) is TOKEN_ONLY
    settings.USE_X_FORWARDED_HOST = True
    assert origin_of(headers) is OWN
    assert origin_of(handshake("https://hub.example.com")) is OWN


@pytest.mark.parametrize(
    ("https", "scheme", "header"),
    [
        ({"SESSION_COOKIE_SECURE": True}, "", None),
        ({"SECURE_SSL_REDIRECT": True}, "", None),
        ({}, "wss", None),
        ({"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, "", b"https"),
        ({"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, "", b"https, http"),
    ],
)
def test_a_page_without_https_has_no_cookies_where_the_site_has_https(
    settings, https, scheme, header
):
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    for name, value in https.items():
        setattr(settings, name, value)
    extra = [(b"x-forwarded-proto", header)] if header else []
    plain, secure = handshake("http://hub.example.com"), handshake("https://hub.example.com")
    assert origin_of(plain + extra, scheme) is TOKEN_ONLY
    assert origin_of(secure + extra, scheme) is OWN


def test_a_site_without_https_has_cookies(settings):
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    extra = [(b"x-forwarded-proto", b"http")]
    assert origin_of(handshake("http://hub.example.com") + extra, "ws") is OWN
    assert origin_of(handshake("http://hub.example.com")) is OWN


def test_with_a_wildcard_a_page_comes_from_the_very_host_and_port_it_connects_to(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert origin_of(handshake("http://lan:8000", host="LAN:8000")) is OWN
    assert origin_of(handshake("http://lan:8001", host="lan:8000")) is FOREIGN


def test_with_a_wildcard_two_host_headers_prove_nothing(settings):
    settings.ALLOWED_HOSTS = ["*"]
    headers = [*handshake("https://evil.org", host="hub.example.com"), (b"host", b"evil.org")]
    assert origin_of(headers) is FOREIGN


def test_with_a_wildcard_a_handshake_without_host_is_foreign(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert origin_of([(b"origin", b"https://evil.org")]) is FOREIGN


@pytest.mark.parametrize("host", ["localhost:8000", "hub.localhost:8000", "127.0.0.1", "[::1]"])
def test_while_debugging_this_machine_is_an_own_host(settings, host):
    settings.DEBUG = True
    assert origin_of(handshake(f"http://{host}", host=host)) is OWN
    assert origin_of(handshake("http://localhost:5173", host=host)) is TOKEN_ONLY
    assert origin_of(handshake("https://evil.org")) is FOREIGN


def test_while_debugging_the_allowed_hosts_still_rule(settings):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    assert origin_of(handshake("http://localhost", host="localhost")) is FOREIGN


def test_an_origin_named_by_the_host_may_use_cookies(settings):
    settings.REALTIME = {"ALLOWED_ORIGINS": ["https://planner.example.org"]}
    assert origin_of(handshake("https://planner.example.org")) is OWN
    assert origin_of(handshake("http://planner.example.org")) is FOREIGN
    assert origin_of(handshake("https://planner.example.org:8443")) is FOREIGN


def test_naming_null_does_not_give_it_cookies(settings):
    settings.REALTIME = {"ALLOWED_ORIGINS": ["null"]}
    assert origin_of(handshake("null")) is TOKEN_ONLY


def test_the_host_says_which_schemes_are_shells(settings):
    settings.REALTIME = {"TOKEN_ORIGIN_SCHEMES": ["planner"]}
    assert origin_of(handshake("planner://home")) is TOKEN_ONLY
    assert origin_of(handshake("app://home")) is FOREIGN


def test_every_value_of_a_header_is_seen_whatever_the_case_of_its_name():
    headers = [(b"X-Client-Id", b"a"), (b"x-client-id", b"\xfc"), (b"other", b"c")]
    assert header_values(headers, b"x-client-id") == ["a", "ü"]
