"""Each kind of write that can change who hears a record.

A kind is a generator: it makes a record in one audience and changes it there, moves it, and
changes it in the other, yields wherever something was committed, and returns who may have seen
what. The values are words that occur nowhere else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from typing import Any

from django.core import serializers
from django.db import connection, models, transaction
from django.db.models import F

import sync
from tests.sync.writes.table import needs, on_conflict
from tests.testapp.models import Booking, Defaulted, Memo, Nulled, Owner, Place, Restaurant, Team

WAS, STILL, NOW, LATER = "was-b3f1", "still-9c2e", "now-47ad", "later-e805"

Register = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Moved:
    """A record that was moved: who heard it before and after, and what each of them may see."""

    model: type[models.Model]
    source: str
    target: str
    seen_before: frozenset[str]
    seen_after: frozenset[str]

    @property
    def table(self) -> str:
        return self.model._meta.db_table


Kind = Callable[[Register], Generator[None, None, Moved]]
KINDS: dict[str, Kind] = {}
KINDS_OF_MEMOS: list[str] = []
"""Those that move a `Memo` as it is registered, so that a trigger may record them as well."""


def kind(make: Kind) -> Kind:
    KINDS[make.__name__] = make
    return make


def memo(*, keeps: bool = False, **registered: Any) -> Callable[[Callable[..., Any]], Any]:
    """Add a kind that moves a `Memo`; `keeps` says that the move leaves its text."""

    def add(move: Callable[[Memo, Team], Any]) -> Any:
        def make(register: Register) -> Generator[None, None, Moved]:
            prefix = "team"
            if registered:
                register(Memo, **registered)
                prefix = "asked"
            red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
            record = Memo.objects.create(team=red, text=WAS)
            yield
            Memo.objects.update(text=STILL)
            record.refresh_from_db()
            yield
            move(record, blue)
            yield
            Memo.objects.update(text=LATER)
            return Moved(
                Memo,
                f"{prefix}:{red.pk}",
                f"{prefix}:{blue.pk}",
                frozenset({WAS, STILL}),
                frozenset({STILL if keeps else NOW, LATER}),
            )

        KINDS[move.__name__] = make
        if not registered:
            KINDS_OF_MEMOS.append(move.__name__)
        return move

    return add


@memo()
def save(record: Memo, blue: Team) -> None:
    record.team, record.text = blue, NOW
    record.save()


@memo(keeps=True)
def save_of_one_field(record: Memo, blue: Team) -> None:
    record.team, record.text = blue, "not saved"
    record.save(update_fields=["team"])


@memo()
def update(record: Memo, blue: Team) -> None:
    Memo.objects.filter(pk=record.pk).update(team=blue, text=NOW)


@memo()
def update_by_an_expression(record: Memo, blue: Team) -> None:
    Memo.objects.update(team_id=F("team_id") + (blue.pk - record.team_id), text=NOW)


@memo()
def bulk_update(record: Memo, blue: Team) -> None:
    record.team, record.text = blue, NOW
    Memo.objects.bulk_update([record], ["team", "text"])


@memo()
def update_or_create(record: Memo, blue: Team) -> None:
    Memo.objects.update_or_create(pk=record.pk, defaults={"team": blue, "text": NOW})


@memo()
def fixture(record: Memo, blue: Team) -> None:
    record.team, record.text = blue, NOW
    for loaded in serializers.deserialize("json", serializers.serialize("json", [record])):
        loaded.save()


@memo()
def save_of_a_part(record: Memo, blue: Team) -> None:
    part = Memo.objects.only("pk").get(pk=record.pk)
    part.team, part.text = blue, NOW
    part.save()


@memo()
def change_of_the_key(record: Memo, blue: Team) -> None:
    Memo.objects.filter(pk=record.pk).update(id=record.pk + 1000, team=blue, text=NOW)


@memo()
def delete_and_insert_with_the_same_key(record: Memo, blue: Team) -> None:
    with transaction.atomic():
        key = record.pk
        record.delete()
        Memo.objects.create(pk=key, team=blue, text=NOW)


@memo()
def raw_sql_that_is_recorded(record: Memo, blue: Team) -> None:
    with transaction.atomic(), sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_memo SET team_id = %s, text = %s", [blue.pk, NOW])
        sync.record(Memo, [record.pk])


@memo(audience=lambda record: f"asked:{record.team_id}")
def save_for_an_audience_that_is_asked_for(record: Memo, blue: Team) -> None:
    record.team, record.text = blue, NOW
    record.save()


@memo()
def change_of_the_text_and_move_in_one_transaction(record: Memo, blue: Team) -> None:
    """Between the two nobody may have seen the text: it never was in the first audience."""
    with transaction.atomic():
        Memo.objects.update(text=NOW)
        Memo.objects.update(team=blue)


@memo()
def move_and_change_of_the_text_in_one_transaction(record: Memo, blue: Team) -> None:
    """Between the two the second audience might have seen the text of the first."""
    with transaction.atomic():
        Memo.objects.update(team=blue)
        Memo.objects.update(text=NOW)


@kind
def upsert(register: Register) -> Generator[None, None, Moved]:
    register(Booking, audience="room:{room}")
    Booking.objects.create(code="a", room="red", note=WAS)
    yield
    Booking.objects.update(note=STILL)
    yield
    Booking.objects.bulk_create(
        [Booking(code="a", room="blue", note=NOW)],
        update_conflicts=True,
        update_fields=["room", "note"],
        **on_conflict("code"),
    )
    yield
    Booking.objects.update(note=LATER)
    return Moved(Booking, "room:red", "room:blue", frozenset({WAS, STILL}), frozenset({NOW, LATER}))


@kind
def set_null(register: Register) -> Generator[None, None, Moved]:
    register(Nulled, audience="owner:{owner_id}")
    owner = Owner.objects.create(name="a")
    Nulled.objects.create(owner=owner, name=WAS)
    yield
    Nulled.objects.update(name=STILL)
    yield
    source = f"owner:{owner.pk}"
    owner.delete()
    yield
    Nulled.objects.update(name=LATER)
    return Moved(Nulled, source, "owner:None", frozenset({WAS, STILL}), frozenset({STILL, LATER}))


@kind
def set_default(register: Register) -> Generator[None, None, Moved]:
    register(Defaulted, audience="owner:{owner_id}")
    owner, fallback = Owner.objects.create(name="a"), Owner.objects.create(pk=Owner.FALLBACK)
    Defaulted.objects.create(owner=owner)
    yield
    source = f"owner:{owner.pk}"
    owner.delete()
    return Moved(Defaulted, source, f"owner:{fallback.pk}", frozenset(), frozenset())


@kind
def set_null_in_the_database(register: Register) -> Generator[None, None, Moved]:
    needs("supports_on_delete_db_cascade")
    from tests.testapp.spreading import Nest, Plot, Tree

    register(Nest, audience="tree:{tree_id}")
    tree = Tree.objects.create(plot=Plot.objects.create())
    Nest.objects.create(tree=tree, name=WAS)
    yield
    Nest.objects.update(name=STILL)
    yield
    source = f"tree:{tree.pk}"
    tree.delete()
    yield
    Nest.objects.update(name=LATER)
    return Moved(Nest, source, "tree:None", frozenset({WAS, STILL}), frozenset({STILL, LATER}))


@kind
def save_of_a_multi_table_child(register: Register) -> Generator[None, None, Moved]:
    register(Place, audience="place:{name}")
    child = Restaurant.objects.create(name=STILL)
    yield
    child.name = NOW
    child.save()
    return Moved(Place, f"place:{STILL}", f"place:{NOW}", frozenset({STILL}), frozenset({NOW}))
