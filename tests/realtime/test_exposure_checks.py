"""The system checks say with which settings strangers get in."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

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
