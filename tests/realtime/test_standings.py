"""Which clients a name stands for, and what is known of each."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from realtime.client_ids import generated_client_id
from realtime.devices import create_device, revoke_device
from realtime.errors import UnknownClient
from realtime.models import Client
from realtime.standings import MOST, standings
from tests.realtime.doubles import EPOCH, position
from tests.realtime.rows import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


def cursor(seq):
    return position(seq).cursor


def client_of(user, client_id="laptop", **fields):
    return Client.objects.create(client_id=client_id, user=user, **fields)


def found(name, **options):
    return standings(name, EPOCH, **options)


def ids(name):
    return sorted(one.client_id for one in found(name))


def test_a_client_that_is_away_stands_where_its_last_connection_ended(ada):
    client_of(ada, joined=cursor(5), handed=cursor(9), sent=cursor(8), acknowledged=cursor(7))
    [one] = found("laptop")
    assert (one.user, one.is_connected) == (ada, False)
    assert (one.joined, one.handed, one.sent, one.acknowledged) == (5, 9, 8, 7)


def test_a_connected_client_stands_where_its_process_says(ada):
    client_of(ada, joined=cursor(1), handed=cursor(2), sent=cursor(2), acknowledged=cursor(2))
    said = {"user_id": str(ada.pk), "joined": cursor(5), "reached": cursor(9)}
    row(**said, caught_up=True, tables=["tasks"], asked=["a"], granted=["a", "b"])
    [one] = found("laptop")
    assert (one.is_connected, one.is_reading) == (True, True)
    assert (one.joined, one.handed, one.sent, one.acknowledged) == (5, 9, 9, 2)
    assert (one.tables, one.asked, one.granted) == (["tasks"], ["a"], ["a", "b"])


def test_one_that_does_not_read_has_been_served_up_to_where_it_stopped(ada):
    row(user_id=str(ada.pk), reached=cursor(9), stopped=cursor(7), behind=True, caught_up=True)
    [one] = found("laptop")
    assert (one.is_reading, one.handed, one.sent) == (False, 7, 7)


def test_what_a_connection_was_not_sent_by_itself_is_known_from_the_one_before(ada):
    client_of(ada, sent=cursor(4), acknowledged=cursor(3))
    row(user_id=str(ada.pk), joined=cursor(5), reached=cursor(9))
    [one] = found("laptop")
    assert (one.joined, one.handed, one.sent, one.acknowledged) == (5, 9, 4, 3)


def test_the_newest_of_several_connections_counts(ada):
    now = timezone.now()
    minute = datetime.timedelta(minutes=1)
    row(user_id=str(ada.pk), connected_at=now, acknowledged=cursor(9))
    row(user_id=str(ada.pk), connected_at=now - minute, acknowledged=cursor(7))
    [one] = found("laptop")
    assert one.acknowledged == 9


def test_the_connection_of_a_silent_process_counts_as_ended(ada, settings):
    settings.REALTIME = {"PRESENCE_TIMEOUT": 60}
    row(user_id=str(ada.pk), silent_for=61, joined=cursor(5), reached=cursor(9))
    [one] = found("laptop")
    assert (one.is_connected, one.handed) == (False, 9)


def test_cursors_of_another_log_say_nothing(ada):
    client_of(ada, acknowledged="ffffffff-7-00000000", handed="", joined="nonsense")
    [one] = found("laptop")
    assert (one.joined, one.handed, one.acknowledged) == (None, None, None)


def test_a_device_stands_for_its_clients(ada):
    device, _ = create_device(ada, "front desk")
    client_of(ada, "desk", device_id=device.pk)
    client_of(ada, "other")
    generated = generated_client_id(ada)
    row(generated, user_id=str(ada.pk), device_id=device.pk)
    assert ids("front desk") == ids(device.prefix) == sorted(["desk", generated])
    assert {one.device for one in found("front desk")} == {device}


def test_a_user_stands_for_all_of_their_clients(ada, django_user_model):
    client_of(ada, "one")
    row("two", user_id=str(ada.pk))
    client_of(django_user_model.objects.create(username="grace"), "hers")
    assert ids("ada") == ["one", "two"]


def test_a_client_id_wins_over_a_device_and_that_over_a_user(ada):
    create_device(ada, "laptop")
    create_device(ada, "ada")
    client_of(ada, "laptop")
    assert [one.client_id for one in found("laptop")] == ["laptop"]
    assert [one.device.name for one in found("ada")] == ["ada"]


def test_who_has_never_connected_can_be_asked_about(ada):
    [one] = found("ada")
    assert (one.user, one.client_id, one.device) == (ada, "", None)
    device, _ = create_device(ada, "phone")
    [one] = found("phone")
    assert (one.user, one.client_id, one.device) == (ada, "", device)


def test_of_many_clients_those_seen_last_are_looked_at(ada):
    now = timezone.now()
    for number in range(MOST + 5):
        seen_at = now - datetime.timedelta(minutes=number)
        client_of(ada, f"client-{number}", last_seen_at=seen_at)
    assert [one.client_id for one in found("ada")] == [f"client-{n}" for n in range(MOST)]


def test_how_many_there_are_costs_no_more_queries(ada, django_assert_num_queries):
    for number in range(10):
        device, _ = create_device(ada, f"device-{number}")
        client_of(ada, f"client-{number}", device_id=device.pk)
        row(f"open-{number}", user_id=str(ada.pk), device_id=device.pk)
    # By client id, by device, the user; then its clients, its connections and their devices.
    with django_assert_num_queries(2 + 1 + 1 + 3):
        assert len(found("ada")) == 20
    with django_assert_num_queries(3):
        assert len(found("client-1")) == 1


def test_who_may_not_come_back_is_known(ada):
    device, _ = create_device(ada, "phone")
    assert found("phone")[0].may_connect
    revoke_device(device)
    assert not found("phone")[0].may_connect
    ada.is_active = False
    ada.save()
    assert not found("ada")[0].may_connect


def test_what_is_not_known_is_an_error_that_names_what_begins_alike(ada):
    client_of(ada, "laptop-7")
    client_of(ada, "phone-1")
    with pytest.raises(UnknownClient, match="'lapdog'") as error:
        found("lapdog")
    assert error.value.nearby == ["laptop-7"]


def test_what_may_not_be_seen_is_unknown(ada):
    create_device(ada, "phone")
    for name, barred in {"phone": "may_see_devices", "ada": "may_see_users"}.items():
        assert found(name)
        with pytest.raises(UnknownClient):
            found(name, **{barred: False})
    client_of(ada)
    assert [one.client_id for one in found("ada", may_see_users=False)] == ["laptop"]
