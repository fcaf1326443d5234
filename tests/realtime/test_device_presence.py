"""What is kept with a device of its connections, and how seldom it is written."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hubproject.models import Project
from realtime.device_presence import Devices, store
from realtime.devices import create_device
from realtime.models import Device
from realtime.presence import end_of_log
from sync.publishing import publish
from tests.realtime.doubles import Clock, connection_of
from tests.realtime.rows import seen
from tests.support.off_loop import eventually, off_loop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def device(ada):
    return create_device(ada, "laptop")[0]


def written():
    Project.objects.create(name="Move")
    publish()
    return end_of_log().cursor


def test_a_device_shows_when_from_where_with_what_and_how_far_behind_it_was_seen(device):
    cursor = written()
    written()
    before = timezone.now()
    store({device.pk: seen(1, acknowledged=cursor)})
    device.refresh_from_db()
    assert (device.address, device.app_version, device.platform) == ("192.0.2.7", "2.4.1", "linux")
    assert (device.cursor, device.lag) == (cursor, 1)
    assert before <= device.last_seen_at <= timezone.now()


def test_what_a_client_did_not_say_stays_as_it_was(device):
    store({device.pk: seen(1, acknowledged=written())})
    known = Device.objects.values("app_version", "platform", "cursor", "lag").get()
    store({device.pk: seen(1, app_version="", platform="")})
    assert Device.objects.values("app_version", "platform", "cursor", "lag").get() == known


def test_only_the_devices_that_are_named_are_written(ada, device):
    other, _ = create_device(ada, "phone")
    store({device.pk: seen(1), 10**9: seen(2)})
    other.refresh_from_db()
    assert (other.last_seen_at, other.address) == (None, "")
    assert Device.objects.count() == 2


def test_many_devices_are_one_transaction(ada):
    devices = [create_device(ada, str(number))[0] for number in range(50)]
    with CaptureQueriesContext(database) as found:
        store({device.pk: seen(device.pk, address=f"192.0.2.{device.pk}") for device in devices})
    begun = [query["sql"] for query in found if query["sql"].startswith(("BEGIN", "SAVEPOINT"))]
    assert len(begun) == 1
    assert len(set(Device.objects.values_list("address", flat=True))) == 50


def test_nothing_to_write_costs_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        store({})


# What is news


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def devices(clock):
    return Devices(clock)


def told(devices, *rows):
    """Return which devices are to be written, and note that they were."""
    news = devices.news(rows)
    devices.wrote(news)
    return news


def test_a_device_is_written_again_after_a_minute_or_where_something_changed(devices, clock):
    here = seen(1, device_id=7)
    assert told(devices, here) == {7: here}
    assert told(devices, here) == {}
    clock.now += 59
    assert told(devices, here) == {}
    clock.now += 1
    assert told(devices, here) == {7: here}
    further = dataclasses.replace(here, acknowledged="0123abcd-7-00000000")
    assert told(devices, further) == {7: further}
    assert told(devices, further) == {}


def test_what_could_not_be_written_is_still_news(devices):
    here = seen(1, device_id=7)
    assert devices.news([here]) == {7: here}
    assert devices.news([here]) == {7: here}


def test_a_device_that_comes_back_is_news(devices):
    here = seen(1, device_id=7)
    told(devices, here)
    assert told(devices) == {}
    assert told(devices, here) == {7: here}


def test_of_several_connections_of_a_device_the_newest_counts(devices):
    now = timezone.now()
    old, new = (
        seen(number, device_id=7, connected_at=now + datetime.timedelta(seconds=number))
        for number in (1, 2)
    )
    assert devices.news([new, old]) == {7: new}


def test_connections_without_a_device_are_no_news(devices):
    assert devices.news([seen(1)]) == {}


# Through the relay


async def test_the_relay_keeps_the_devices_of_its_connections(settings, running, ada, device):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    connection = connection_of(ada)
    grant = dataclasses.replace(connection.identity.grant, device_id=device.pk)
    connection.identity = dataclasses.replace(connection.identity, grant=grant)
    connection.address, connection.app_version = "192.0.2.7", "2.4.1"
    running.join(connection)
    await eventually(lambda: Device.objects.filter(address="192.0.2.7", lag=None).count())
    connection.acknowledged = await off_loop(written)
    await eventually(lambda: Device.objects.filter(cursor=connection.acknowledged, lag=0).count())
