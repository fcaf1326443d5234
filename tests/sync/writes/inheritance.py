"""One table and several classes, several tables and one class."""

from __future__ import annotations

from django.db.models import F

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, on_conflict, write
from tests.testapp.models import (
    Cargo,
    Place,
    QuietPlace,
    RefrigeratedTruck,
    Restaurant,
    Truck,
    Vehicle,
)


@write
def writes_through_a_proxy() -> Steps:
    yield
    place = QuietPlace.objects.create(name="a")
    place.name = "b"
    place.save()
    QuietPlace.objects.update(name="c")
    [other] = QuietPlace.objects.bulk_create([QuietPlace(name="d")])
    entries = [insert(place), update(place), update(place), insert(other), delete(place)]
    place.delete()
    QuietPlace.objects.all().delete()
    yield [*entries, delete(other)]


@write
def save_of_a_new_multi_table_child() -> Steps:
    child = Restaurant(name="a", stars=1)
    yield
    child.save()
    yield [insert(child), insert(child, Place)]


@write
def save_of_a_changed_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a", stars=1)
    yield
    child.name, child.stars = "b", 2
    child.save()
    yield [update(child), update(child, Place)]


@write
def save_of_a_parent_field_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a", stars=1)
    yield
    child.name, child.stars = "b", 99
    child.save(update_fields=["name"])
    yield [update(child, Place)]


@write
def save_of_a_multi_table_child_of_an_existing_parent() -> Steps:
    place = Place.objects.create(name="a")
    child = Restaurant(place_ptr=place, stars=1)
    yield
    child.save_base(raw=True)
    yield [insert(child)]


@write
def update_of_both_tables_of_a_multi_table_child() -> Steps:
    a, b = (Restaurant.objects.create(name=name, stars=1) for name in "ab")
    Restaurant.objects.create(name="c", stars=1)
    yield
    Restaurant.objects.filter(name__in=["a", "b"]).update(name="same", stars=F("stars") + 1)
    yield [update(a), update(a, Place), update(b), update(b, Place)]


@write
def update_of_the_parents_table_through_a_multi_table_child() -> Steps:
    a = Restaurant.objects.create(name="a", stars=3)
    Place.objects.create(name="a")
    yield
    Restaurant.objects.filter(stars=3).update(name="z")
    yield [update(a, Place)]


@write
def update_of_the_childs_table_filtered_by_its_parent() -> Steps:
    a = Restaurant.objects.create(name="a", stars=1)
    Restaurant.objects.create(name="b", stars=1)
    yield
    Restaurant.objects.filter(name="a").update(stars=5)
    yield [update(a)]


@write
def bulk_update_of_multi_table_children() -> Steps:
    a, b = (Restaurant.objects.create(name=name, stars=1) for name in "ab")
    yield
    a.name, a.stars, b.name, b.stars = "x", 2, "y", 3
    Restaurant.objects.bulk_update([a, b], ["name", "stars"])
    yield [update(a), update(a, Place), update(b), update(b, Place)]


@write
def delete_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child), delete(child, Place)]
    yield
    child.delete()
    yield gone


@write
def delete_of_a_multi_table_child_that_keeps_its_parent() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child)]
    yield
    child.delete(keep_parents=True)
    yield gone


@write
def delete_of_the_parent_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child), delete(child, Place)]
    yield
    Place.objects.filter(pk=child.pk).delete()
    yield gone


@write
def writes_of_a_child_of_two_parents() -> Steps:
    """Save, update and delete over three tables, one of which has a key that is not the child's."""
    Cargo.objects.create(weight=1)
    truck = Truck(plate="a", wheels=6, weight=10)
    yield
    truck.save()
    assert truck.cargo_id != truck.vehicle_id
    parts = [truck.vehicle_ptr, truck.cargo_ptr, truck]
    truck.save()
    Truck.objects.filter(wheels=6).update(plate="b", wheels=8, weight=F("weight") * 2)
    Truck.objects.update(weight=3)
    entries = [entry(part) for entry in (insert, update, update, delete) for part in parts]
    truck.delete()
    yield [*entries, update(parts[1])]


@write
def writes_of_a_grandchild() -> Steps:
    cold = RefrigeratedTruck(plate="a", degrees=-18)
    yield
    cold.save()
    RefrigeratedTruck.objects.update(degrees=-20, plate="b", wheels=10)
    RefrigeratedTruck.objects.filter(degrees=-20).update(weight=7)
    parts = [cold.vehicle_ptr, cold.cargo_ptr, cold.truck_ptr, cold]
    entries = [insert(part) for part in parts]
    entries += [update(parts[0]), update(parts[2]), update(cold), update(parts[1])]
    entries += [delete(part) for part in parts]
    Vehicle.objects.all().delete()
    yield entries


@write
def save_that_forces_the_insert_of_a_parent() -> Steps:
    """Save with `force_insert` naming the classes whose rows are to be new."""
    child = Restaurant(pk=4711, name="a", stars=1)
    yield
    child.save(force_insert=(Place,))
    yield [insert(child), insert(child, Place)]


@write
def bulk_delete_of_multi_table_children() -> Steps:
    a, b = (Restaurant.objects.create(name=name, stars=1) for name in "ab")
    Place.objects.create(name="c")
    gone = [delete(a), delete(a, Place), delete(b), delete(b, Place)]
    yield
    Restaurant.objects.filter(stars=1).delete()
    yield gone


@write
def raw_delete_of_a_multi_table_childs_own_row() -> Steps:
    child = Restaurant.objects.create(name="a", stars=1)
    gone = delete(child)
    yield
    found = Restaurant.objects.filter(name="a")
    found._raw_delete(found.db)
    yield [gone]


@write
def upsert_through_a_proxy() -> Steps:
    old = QuietPlace.objects.create(name="a")
    new = QuietPlace(pk=4711, name="c")
    yield
    QuietPlace.objects.bulk_create(
        [QuietPlace(pk=old.pk, name="b"), new],
        update_conflicts=True,
        update_fields=["name"],
        **on_conflict("pk"),
    )
    yield [update(old), insert(new)]
