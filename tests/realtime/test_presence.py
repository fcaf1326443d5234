"""Who is connected, in any process, how far each has come, and who is counted no more."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.utils import timezone

from hubproject.models import Project
from realtime import client_count, connections
from realtime.presence import end_of_log
from sync.epochs import start_new_epoch
from sync.publishing import publish
from tests.realtime.rows import client_ids, row

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_is_connected_at_first():
    assert (connections(), client_count()) == ([], 0)


def test_a_connection_says_whose_it_is_and_since_when():
    noon = timezone.now() - datetime.timedelta(hours=1)
    row(address="192.0.2.7", connected_at=noon)
    [found] = connections()
    assert (found.client_id, found.user_id, found.address) == ("laptop", "7", "192.0.2.7")
    assert (found.connected_at, found.relay) == (noon, uuid.UUID(int=1))


def test_connections_are_listed_from_the_oldest_on():
    now = timezone.now()
    for name, age in {"new": 1, "old": 3, "middle": 2}.items():
        row(name, connected_at=now - datetime.timedelta(hours=age))
    assert client_ids() == ["old", "middle", "new"]


def test_a_client_with_two_connections_is_one_client():
    row("laptop")
    row("laptop", relay=uuid.UUID(int=2))
    row("phone")
    assert len(connections()) == 3
    assert client_count() == 2


def test_the_connections_of_a_silent_process_are_not_counted(settings):
    settings.REALTIME = {"PRESENCE_TIMEOUT": 60}
    row("silent", silent_for=61)
    row("here", silent_for=50)
    assert client_ids() == ["here"]
    assert client_count() == 1


def test_a_connection_says_which_program_of_which_device_it_is():
    row(device_id=7, app_version="2.4.1", platform="linux", behind=True)
    [found] = connections()
    assert (found.device_id, found.app_version, found.platform) == (7, "2.4.1", "linux")
    assert found.behind


def written(count):
    for number in range(count):
        Project.objects.create(name=f"project {number}")
    publish()
    return end_of_log()


def test_the_lag_is_what_the_log_has_that_the_client_did_not_acknowledge():
    row(acknowledged=written(2).cursor)
    assert connections()[0].lag == 0
    written(3)
    assert connections()[0].lag == 3


def test_the_lag_of_a_client_that_acknowledged_nothing_is_not_known():
    written(2)
    row()
    assert connections()[0].lag is None


@pytest.mark.parametrize("acknowledged", ["ffffffff-1-00000000", "nonsense"])
def test_the_lag_of_a_client_of_another_history_is_not_known(acknowledged):
    written(2)
    row(acknowledged=acknowledged)
    assert connections()[0].lag is None


def test_a_new_epoch_makes_the_lag_unknown():
    row(acknowledged=written(2).cursor)
    start_new_epoch()
    assert connections()[0].lag is None


def test_a_client_that_acknowledges_what_does_not_exist_yet_is_not_ahead():
    end = written(1)
    row(acknowledged=f"{end.epoch}-999-00000000")
    assert connections()[0].lag == 0
