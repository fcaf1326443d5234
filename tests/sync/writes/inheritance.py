"""One table and several classes, several tables and one class."""

from __future__ import annotations

from django.db.models import F

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, write
from tests.testapp.models import Place, QuietPlace, Restaurant


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
