"""What is kept of a device's last connection, and how rarely it is written."""

from __future__ import annotations

import datetime

import pytest
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from realtime.devices import create_device
from realtime.messages import Hello
from realtime.models import Device
from realtime.sightings import Sighting, describe, saw_all
from tests.realtime.doubles import connection_of

HOME = "192.0.2.7"


@pytest.fixture
def device(db, django_user_model):
    return create_device(django_user_model.objects.create(username="ada"), "laptop")[0]


def saw(*said):
    saw_all([Sighting(*said)])


def kept():
    device = Device.objects.get()
    return device.address, device.app_version, device.platform


def backdate(**age):
    long_ago = timezone.now() - datetime.timedelta(**age)
    Device.objects.update(last_seen_at=long_ago)
    return long_ago


def test_a_device_that_is_seen_says_when_from_where_and_what_it_runs(device):
    assert device.last_seen_at is None
    before = timezone.now()
    saw(device.pk, HOME, "1.2.0", "windows")
    assert before <= Device.objects.get().last_seen_at <= timezone.now()
    assert kept() == (HOME, "1.2.0", "windows")


def test_a_reconnect_storm_writes_a_device_once(device):
    saw(device.pk, HOME, "1.2.0", "windows")
    moment = backdate(seconds=50)
    for _ in range(3):
        saw(device.pk, HOME, "1.2.0", "windows")
    assert Device.objects.get().last_seen_at == moment


def test_a_device_seen_long_ago_is_written_again(device):
    saw(device.pk, HOME, "", "")
    moment = backdate(seconds=61)
    saw(device.pk, HOME, "", "")
    assert Device.objects.get().last_seen_at > moment


@pytest.mark.parametrize(
    "news", [("192.0.2.8", "1", "a"), (HOME, "2", "a"), (HOME, "1", "b")], ids=str
)
def test_what_is_news_is_written_at_once(device, news):
    saw(device.pk, HOME, "1", "a")
    saw(device.pk, *news)
    assert kept() == news


def test_what_a_client_does_not_say_stays(device):
    saw(device.pk, HOME, "1.2.0", "windows")
    saw(device.pk, "", "", "")
    backdate(hours=1)
    saw(device.pk, "", "", "")
    assert kept() == (HOME, "1.2.0", "windows")


def test_seeing_many_devices_again_takes_as_many_statements_as_seeing_one(
    device, django_assert_num_queries
):
    devices = [device, *(create_device(device.user, f"phone {n}")[0] for n in range(5))]
    sightings = [Sighting(one.pk, HOME, "1", "a") for one in devices]
    saw_all(sightings)
    for some in (sightings[:1], sightings):
        moment = backdate(hours=1)
        with django_assert_num_queries(4):
            saw_all(some)
        assert Device.objects.filter(last_seen_at__gt=moment).count() == len(some)
    with django_assert_num_queries(3):
        saw_all(sightings)


def test_of_many_that_are_seen_each_keeps_what_it_said(device):
    phone, _ = create_device(device.user, "phone")
    gone = phone.pk + 1000
    saw_all(
        [
            Sighting(device.pk, HOME, "1", ""),
            Sighting(gone, "", "", ""),
            Sighting(phone.pk, "", "2", "b"),
        ]
    )
    phone.refresh_from_db()
    assert (phone.address, phone.app_version, phone.platform) == ("", "2", "b")
    device.refresh_from_db()
    assert (device.address, device.app_version, device.platform) == (HOME, "1", "")


def test_seeing_a_device_writes_no_other(device):
    other, _ = create_device(device.user, "phone")
    saw(device.pk, HOME, "1", "a")
    assert Device.objects.get(pk=other.pk).last_seen_at is None


def test_a_client_is_not_refused_because_it_cannot_be_written_down(device, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise DatabaseError("read only")

    monkeypatch.setattr(QuerySet, "update", fail)
    saw(device.pk, HOME, "1", "a")
    assert "read only" in caplog.text


def test_the_first_hello_that_says_what_the_client_runs_counts():
    connection = connection_of()
    assert not describe(connection, Hello())
    assert describe(connection, Hello(app_version="1.2.0"))
    assert describe(connection, Hello(app_version="6.6.6", platform="ios"))
    assert not describe(connection, Hello(app_version="7.7.7", platform="android"))
    assert (connection.app_version, connection.platform) == ("1.2.0", "ios")
