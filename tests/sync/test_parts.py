"""A record of a multi-table model is made of rows of several tables, each with its own history."""

from __future__ import annotations

import pytest

from sync.parts import parts
from tests.testapp.models import (
    Cargo,
    Owner,
    Place,
    RefrigeratedTruck,
    Restaurant,
    Ticket,
    Truck,
    Vehicle,
)

pytestmark = pytest.mark.django_db


def test_a_plain_record_is_one_row():
    assert parts(Owner, "7", "default") == {("testapp_owner", "7"): Owner}


def test_a_child_is_made_of_its_row_and_its_parents():
    place = Restaurant.objects.create(name="a")
    assert parts(Restaurant, str(place.pk), "default") == {
        ("testapp_restaurant", str(place.pk)): Restaurant,
        ("testapp_place", str(place.pk)): Place,
    }


def truck_with_cargo_of_another_key():
    Cargo.objects.create()
    return RefrigeratedTruck.objects.create(plate="x")


def parts_of_the_truck(truck):
    return {
        ("testapp_refrigeratedtruck", str(truck.pk)): RefrigeratedTruck,
        ("testapp_truck", str(truck.pk)): Truck,
        ("testapp_vehicle", str(truck.pk)): Vehicle,
        ("testapp_cargo", str(truck.cargo_id)): Cargo,
    }


def test_a_parent_with_a_key_of_its_own_is_found_by_the_log():
    truck = truck_with_cargo_of_another_key()
    assert truck.cargo_id != truck.pk
    assert parts(RefrigeratedTruck, str(truck.pk), "default") == parts_of_the_truck(truck)


def test_so_are_the_parts_of_a_record_that_is_gone():
    truck = truck_with_cargo_of_another_key()
    expected = parts_of_the_truck(truck)
    pk = str(truck.pk)
    truck.delete()
    assert parts(RefrigeratedTruck, pk, "default") == expected


def test_a_parent_that_is_not_registered_has_no_history(unregister):
    place = Restaurant.objects.create(name="a")
    unregister(Place)
    assert list(parts(Restaurant, str(place.pk), "default")) == [
        ("testapp_restaurant", str(place.pk))
    ]


def test_a_record_that_is_unknown_is_its_own_row_at_least():
    assert list(parts(Truck, "77", "default")) == [
        ("testapp_truck", "77"), ("testapp_vehicle", "77"),
    ]  # fmt: skip
    assert list(parts(Ticket, "no uuid", "default")) == [("testapp_ticket", "no uuid")]
