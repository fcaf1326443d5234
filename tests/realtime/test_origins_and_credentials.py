"""Who a connection belongs to, for every origin with every credential."""

from __future__ import annotations

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings as project
from django.test import Client as Browser

from realtime.devices import create_device
from realtime.origins import Origin
from realtime.routing import websocket_application

SECONDS = 20
HOST = "hub.example.com"
OWN, TOKEN_ONLY, FOREIGN = Origin.OWN, Origin.TOKEN_ONLY, Origin.FOREIGN

NOBODY, REFUSED = "nobody", "refused"
ADA, GRACE = "ada by cookie", "grace by token"

OUTCOMES = {
    OWN: {
        "none": NOBODY,
        "cookie": ADA,
        "header token": GRACE,
        "hello token": GRACE,
        "cookie and header token": GRACE,
    },
    TOKEN_ONLY: {
        "none": NOBODY,
        "cookie": NOBODY,
        "header token": GRACE,
        "hello token": GRACE,
        "cookie and header token": GRACE,
    },
    FOREIGN: dict.fromkeys(
        ("none", "cookie", "header token", "hello token", "cookie and header token"), REFUSED
    ),
}
"""Whose the connection is, by how far its origin is trusted and by what it brings along."""

HTTPS = {"SESSION_COOKIE_SECURE": True}
WILDCARD = {"ALLOWED_HOSTS": ["*"]}
DEBUG = {"DEBUG": True, "ALLOWED_HOSTS": []}
NAMED = {"REALTIME": {"ALLOWED_ORIGINS": ["https://planner.example.org"]}}

ORIGINS = {
    "the site's own page": ([f"https://{HOST}"], {}, OWN),
    "its own page without https": ([f"http://{HOST}"], {}, OWN),
    "a page without https of a site with https": ([f"http://{HOST}"], HTTPS, TOKEN_ONLY),
    "the page with https of a site with https": ([f"https://{HOST}"], HTTPS, OWN),
    "another port": ([f"https://{HOST}:8443"], {}, TOKEN_ONLY),
    "a subdomain": ([f"https://www.{HOST}"], {}, FOREIGN),
    "a host beside it that is allowed": (["https://files.example.com"], {}, TOKEN_ONLY),
    "its parent": (["https://example.com"], {}, FOREIGN),
    "another site": (["https://evil.org"], {}, FOREIGN),
    "another site that the host names": (["https://planner.example.org"], NAMED, OWN),
    "that site at another port": (["https://planner.example.org:1"], NAMED, FOREIGN),
    "null": (["null"], {}, TOKEN_ONLY),
    "a file": (["file://"], {}, TOKEN_ONLY),
    "an Electron shell": (["app://planner"], {}, TOKEN_ONLY),
    "a shell with the name of the site": ([f"app://{HOST}"], {}, TOKEN_ONLY),
    "a Capacitor shell": (["capacitor://localhost"], {}, TOKEN_ONLY),
    "an extension of the browser": ([f"chrome-extension://{HOST}"], {}, FOREIGN),
    "none": ([], {}, TOKEN_ONLY),
    "an empty one": ([""], {}, FOREIGN),
    "two": ([f"https://{HOST}", "https://evil.org"], {}, FOREIGN),
    "two of the site": ([f"https://{HOST}"] * 2, {}, FOREIGN),
    "two in one": ([f"https://{HOST}, https://evil.org"], {}, FOREIGN),
    "upper case": ([f"HTTPS://{HOST.upper()}"], {}, OWN),
    "a dot at the end": ([f"https://{HOST}."], {}, OWN),
    "an international name": (["https://xn--bcher-kva.example.com"], {}, TOKEN_ONLY),
    "an international name that is not encoded": (["https://b\xfccher.example.com"], {}, FOREIGN),
    "the site as a user name": ([f"https://{HOST}@evil.org"], {}, FOREIGN),
    "a user name at the site": ([f"https://evil.org@{HOST}"], {}, FOREIGN),
    "the site as a subdomain": ([f"https://{HOST}.evil.org"], {}, FOREIGN),
    "the site as a path": ([f"https://evil.org/{HOST}"], {}, FOREIGN),
    "the site with a path": ([f"https://{HOST}/x"], {}, FOREIGN),
    "a name that ends alike": ([f"https://evil{HOST}"], {}, FOREIGN),
    "the own page where every host is allowed": ([f"https://{HOST}"], WILDCARD, OWN),
    "another site where every host is allowed": (["https://evil.org"], WILDCARD, FOREIGN),
    "another port where every host is allowed": ([f"https://{HOST}:1"], WILDCARD, FOREIGN),
    "another port of this machine while debugging": (["http://localhost:5173"], DEBUG, TOKEN_ONLY),
    "another site while debugging": (["https://evil.org"], DEBUG, FOREIGN),
}


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def cookie(ada):
    browser = Browser()
    browser.force_login(ada)
    name = project.SESSION_COOKIE_NAME
    return f"{name}={browser.cookies[name].value}"


@pytest.fixture
def token(django_user_model):
    return create_device(django_user_model.objects.create(username="grace"), "laptop")[1]


async def outcome(origins, credential, cookie, token):
    """Return whose a connection is; every credential is there, but for what it does not have."""
    headers = [(b"host", HOST.encode())]
    headers += [(b"origin", origin.encode("latin-1")) for origin in origins]
    if "cookie" in credential:
        headers.append((b"cookie", cookie.encode()))
    if "header" in credential:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    client = WebsocketCommunicator(websocket_application, "/ws/", headers=headers)
    connected, _ = await client.connect(timeout=SECONDS)
    if not connected:
        return REFUSED
    hello = {"type": "hello"} | ({"token": token} if "hello" in credential else {})
    await client.send_json_to(hello)
    answer = await client.receive_json_from(SECONDS)
    await client.disconnect(timeout=SECONDS)
    if answer["type"] == "error":
        assert answer["code"] == "unauthenticated"
        return NOBODY
    [by] = [name for name in (ADA, GRACE) if f"user:{name.split()[0]}" in answer["audiences"]]
    return by


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ORIGINS)
async def test_a_connection_belongs_to_whom_its_origin_and_credentials_allow(
    settings, cookie, token, name
):
    origins, of_the_host, trust = ORIGINS[name]
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = [HOST, "files.example.com", "xn--bcher-kva.example.com"]
    settings.SYNC = {"AUDIENCES": f"{__name__}.own_name"}
    for setting, value in of_the_host.items():
        setattr(settings, setting, value)
    found = {
        credential: await outcome(origins, credential, cookie, token)
        for credential in OUTCOMES[trust]
    }
    assert found == OUTCOMES[trust]


def own_name(user):
    """The audience that shows in `welcome` whose a connection is."""
    return [f"user:{user.username}"]
