"""The system checks say with which settings strangers get in."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

from realtime.exposure_checks import LIMITS
from realtime.models import Presence
from realtime.tables import has_table


def problems(**options: object) -> list[str]:
    return [found.id for found in run_checks(tags=["realtime"], **options)]


@pytest.fixture(autouse=True)
def plain_settings(settings):
    settings.REALTIME = {}
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["hub.example.com"]


@pytest.mark.parametrize("host", ["hub.example.com", "192.168.1.7", ".example.com", "*"])
def test_debugging_for_others_is_a_warning_that_names_the_host(settings, host):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", host]
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.W010"
    assert host in found.msg
    assert "localhost" not in found.msg


@pytest.mark.parametrize(
    "hosts", [[], ["localhost", ".localhost", "127.0.0.1", "[::1]", "127.0.1.1", "testserver"]]
)
def test_debugging_at_home_is_fine(settings, hosts):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = hosts
    assert problems() == []


def test_public_hosts_without_debugging_are_fine(settings):
    settings.ALLOWED_HOSTS = ["hub.example.com", "192.168.1.7"]
    assert problems() == []


def test_a_site_that_does_not_know_its_names_is_a_warning(settings):
    settings.ALLOWED_HOSTS = ["hub.example.com", "*"]
    assert problems() == ["realtime.W011"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://Planner.example.org",
        "https://planner.example.org/",
        "planner.example.org",
        "https://*.example.org",
        "https://a@planner.example.org",
        "https://",
        "https://[",
        "null",
        "*",
        "",
    ],
)
def test_an_origin_that_no_browser_sends_is_an_error(settings, origin):
    settings.REALTIME = {"ALLOWED_ORIGINS": ["https://planner.example.org", origin]}
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.E010"
    assert repr(origin) in found.msg


def test_origins_as_browsers_send_them_are_fine(settings):
    origins = ["https://planner.example.org", "http://localhost:5173", "app://planner"]
    settings.REALTIME = {"ALLOWED_ORIGINS": origins}
    assert problems() == []


SECURE = [
    ("SESSION_COOKIE_SECURE", True),
    ("SECURE_SSL_REDIRECT", True),
    ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
]


@pytest.mark.parametrize(("name", "value"), SECURE)
def test_a_named_origin_without_https_of_a_site_with_https_is_a_warning(settings, name, value):
    origins = ["https://planner.example.org", "http://localhost:5173", "http://wiki.example.org"]
    settings.REALTIME = {"ALLOWED_ORIGINS": origins, "TRUSTED_PROXIES": ["unix"]}
    assert problems() == []
    setattr(settings, name, value)
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.W014"
    assert "'http://wiki.example.org'" in found.msg


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_scheme_of_web_pages_is_an_error_among_those_of_shells(settings, scheme):
    settings.REALTIME = {"TOKEN_ORIGIN_SCHEMES": ["app", scheme]}
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.E015"
    assert f"has {scheme}:" in found.msg


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_sessions_that_nobody_can_take_back_are_a_warning(settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert problems() == (["realtime.W015"] if engine == "signed_cookies" else [])


@pytest.mark.parametrize(
    ("engine", "cache", "is_found"),
    [
        ("cached_db", "locmem.LocMemCache", True),
        ("cache", "locmem.LocMemCache", True),
        ("cached_db", "redis.RedisCache", False),
        ("db", "locmem.LocMemCache", False),
    ],
)
def test_sessions_in_the_memory_of_each_process_are_a_warning(settings, engine, cache, is_found):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    backend = {"BACKEND": f"django.core.cache.backends.{cache}", "LOCATION": "redis://127.0.0.1"}
    settings.CACHES = {"default": backend}
    assert ("realtime.W016" in problems(include_deployment_checks=True)) == is_found
    assert problems() == []


@pytest.mark.parametrize("value", [0, None])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_that_was_turned_off_is_a_warning_that_names_it(settings, name, value):
    assert "realtime.W017" not in problems(include_deployment_checks=True)
    settings.REALTIME = {name: value}
    found = {one.id: one for one in run_checks(tags=["realtime"], include_deployment_checks=True)}
    assert f" {name}:" in found["realtime.W017"].msg
    assert problems() == []


@pytest.mark.parametrize("proxy", ["nginx", "10.0.0.1/8", "10.0.0.256"])
def test_a_proxy_that_is_no_address_is_an_error_that_names_it(settings, proxy):
    settings.REALTIME = {"TRUSTED_PROXIES": ["unix", proxy]}
    [found] = run_checks(tags=["realtime"])
    assert found.id == "realtime.E011"
    assert proxy in found.msg


@pytest.mark.parametrize("proxy", ["0.0.0.0/0", "::/0"])
def test_to_trust_everybody_is_an_error(settings, proxy):
    settings.REALTIME = {"TRUSTED_PROXIES": ["10.0.0.1", proxy]}
    assert problems() == ["realtime.E012"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
    ],
)
def test_a_proxy_that_only_django_knows_is_a_warning(settings, name, value):
    setattr(settings, name, value)
    assert problems() == ["realtime.W012"]
    settings.REALTIME = {"TRUSTED_PROXIES": ["unix"]}
    assert problems() == []


@pytest.mark.django_db
def test_several_users_that_nobody_tells_apart_are_a_warning(settings, django_user_model):
    settings.SYNC = {}
    assert "realtime.W013" not in problems(databases=["default"])
    django_user_model.objects.create(username="ada")
    assert "realtime.W013" not in problems(databases=["default"])
    django_user_model.objects.create(username="grace")
    assert "realtime.W013" in problems(databases=["default"])
    assert "realtime.W013" not in problems(databases=["other"])
    assert "realtime.W013" not in problems()
    settings.SYNC = {"AUDIENCES": "tests.testapp.audiences.audiences_for"}
    assert "realtime.W013" not in problems(databases=["default"])


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_not_there_yet_is_not_asked():
    assert has_table(Presence, ["default"])
    with connection.schema_editor() as editor:
        editor.alter_db_table(Presence, "hub_presence", "hub_presence_away")
    try:
        assert not has_table(Presence, ["default"])
        assert "realtime.W004" not in problems(databases=["default"])
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Presence, "hub_presence_away", "hub_presence")
