"""Messages, new beginnings and disconnections from the admin: who may, and what is written down."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from realtime import steering_admin
from realtime.devices import create_device
from realtime.models import Device
from tests.realtime.rows import row
from tests.realtime.test_explain_admin import text

pytestmark = pytest.mark.django_db

CONNECTIONS = reverse("admin:realtime_presence_changelist")
DEVICES = reverse("admin:realtime_device_changelist")
LOOK = ("realtime.view_presence", "realtime.view_device")


@pytest.fixture
def told(monkeypatch):
    """What connections and clients were told, instead of telling them."""
    told = []
    for name in ("send_to", "resync", "disconnect"):
        keep = _keeper(told, name)
        monkeypatch.setattr(steering_admin, name, keep)
    return told


def _keeper(told, name):
    def keep(*args):
        told.append((name, *args))

    return keep


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def device(ada):
    return create_device(ada, "front desk")[0]


@pytest.fixture
def laptop(ada, device):
    return row("laptop-7", user_id=str(ada.pk), device_id=device.pk)


def act(browser, action, *rows, page=CONNECTIONS, **fields):
    form = {"action": action, "_selected_action": [one.pk for one in rows]} | fields
    return browser.post(page, form, follow=True)


def noted():
    found = LogEntry.objects.order_by("pk")
    return [(entry.content_type.model, entry.object_id, entry.change_message) for entry in found]


@pytest.mark.parametrize("action", ["resync", "disconnect"])
def test_the_selected_connections_are_told_and_it_is_written_down(as_staff, laptop, told, action):
    row("another")
    browser = as_staff(*LOOK, f"realtime.{action}_presence")
    answer = act(browser, action, laptop)
    assert told == [(action, [laptop.pk])]
    assert "1 connection is told." in text(answer)
    [(model, key, said)] = noted()
    assert (model, key) == ("presence", str(laptop.pk))
    assert said


@pytest.mark.parametrize("action", ["message", "resync", "disconnect", "revoke"])
@pytest.mark.parametrize("page", [CONNECTIONS, DEVICES])
def test_who_may_only_look_can_do_nothing(as_staff, laptop, device, told, action, page):
    browser = as_staff(*LOOK)
    act(browser, action, laptop if page == CONNECTIONS else device, page=page)
    assert f'value="{action}"' not in text(browser.get(page))
    assert told == noted() == []
    assert Device.objects.get().revoked_at is None


def test_a_message_is_asked_for_and_sent(as_staff, laptop, told):
    browser = as_staff(*LOOK, "realtime.message_presence")
    form = act(browser, "message", laptop)
    assert "laptop-7" in text(form)
    assert told == []
    fields = {"event": "notice.shown", "payload": '{"text": "Please save."}'}
    act(browser, "message", laptop, **fields)
    assert told == [("send_to", "laptop-7", "notice.shown", {"text": "Please save."})]
    assert [said for _, _, said in noted()] == ["Sent the message “notice.shown”."]


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("", None),
        ("Please save.", "Please save."),
        ("[1, 2]", [1, 2]),
        ("NaN", "NaN"),
        ("[" * 3000, "[" * 3000),
        ("1" + "0" * 30, 10**30),
    ],
)
def test_what_is_no_json_is_sent_as_the_text_it_is(admin_client, laptop, told, payload, data):
    act(admin_client, "message", laptop, event="notice.shown", payload=payload)
    assert told == [("send_to", "laptop-7", "notice.shown", data)]


def test_a_message_without_an_event_is_asked_for_again(admin_client, laptop, told):
    answer = act(admin_client, "message", laptop, event="", payload="kept")
    assert "This field is required" in text(answer)
    assert ">\nkept</textarea>" in text(answer)
    assert told == []


def test_a_client_with_several_connections_gets_a_message_once(admin_client, laptop, told):
    other = row("laptop-7")
    act(admin_client, "message", laptop, other, event="notice.shown")
    assert len(told) == 1


def test_a_message_is_no_broadcast(admin_client, laptop, told, monkeypatch):
    monkeypatch.setattr(steering_admin, "MOST_MESSAGED", 1)
    answer = act(admin_client, "message", laptop, row("phone"), event="notice.shown")
    assert "at most" in text(answer)
    assert told == []


def test_a_device_stands_for_its_connections(admin_client, device, laptop, told):
    other = row("laptop-8", device_id=device.pk)
    row("nobody's")
    act(admin_client, "disconnect", device, page=DEVICES)
    [(name, connections)] = told
    assert (name, set(connections)) == ("disconnect", {laptop.pk, other.pk})
    assert [(model, key) for model, key, _ in noted()] == [("device", str(device.pk))]


def test_a_device_that_is_not_connected_cannot_be_told(admin_client, device, told):
    row("gone", device_id=device.pk, silent_for=3600)
    answer = act(admin_client, "resync", device, page=DEVICES)
    assert "None of them is connected." in text(answer)
    assert told == noted() == []


def test_the_device_of_a_connection_is_revoked(as_staff, device, laptop):
    browser = as_staff(*LOOK, "realtime.change_device")
    answer = act(browser, "revoke", laptop)
    device.refresh_from_db()
    assert device.revoked_at is not None
    assert "desk was revoked." in text(answer)
    assert [(model, key) for model, key, _ in noted()] == [("device", str(device.pk))]


def test_a_connection_without_a_device_has_none_to_be_revoked(admin_client, laptop):
    answer = act(admin_client, "revoke", row("browser"))
    assert "its session" in text(answer)
    assert noted() == []


def test_the_form_of_a_message_runs_nothing_inline(admin_client, laptop):
    page = text(act(admin_client, "message", laptop))
    assert "<script>" not in page
    assert "style=" not in page.split('<div id="content-main">')[1]
