"""Writes that a property test draws: each takes `draw` and does one or a few of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import F
from hypothesis import strategies as st

from sync import statements
from tests.sync.drawing import documents, everything, expressions, short_texts, texts
from tests.sync.writes.table import on_conflict
from tests.testapp.models import (
    Article,
    Booking,
    Branch,
    Draft,
    Everything,
    Label,
    Line,
    Memo,
    Node,
    Reader,
    Reading,
    Restaurant,
    Seat,
    Stock,
    Team,
    Ticket,
)

STEPS: list[Callable[[Any], None]] = []
few = st.integers(0, 3)
words = st.sampled_from(["bolt", "nut", "cog"])


def step(write: Callable[[Any], None]) -> Callable[[Any], None]:
    """Add a write to those that are drawn."""
    STEPS.append(write)
    return write


def some(draw: Any, model: Any) -> Any:
    """Draw one of the model's records, or None where there is none."""
    keys = list(model.objects.order_by("pk").values_list("pk", flat=True))
    return model.objects.get(pk=draw(st.sampled_from(keys))) if keys else None


@step
def save_of_everything(draw: Any) -> None:
    row = draw(st.booleans()) and some(draw, Everything) or Everything()
    values = draw(everything)
    for name, value in values.items():
        setattr(row, name, value)
    if row.pk is None:
        row.save()
        return
    saved = draw(st.lists(st.sampled_from(sorted(values)), unique=True)) if values else []
    row.save(update_fields=saved or None)


@step
def bulk_writes_of_everything(draw: Any) -> None:
    Everything.objects.bulk_create(
        [Everything(**draw(everything)) for _ in range(draw(few))], batch_size=2
    )
    rows = list(Everything.objects.all())
    for row in rows:
        row.options, row.char = draw(documents), draw(texts)
    if rows:
        Everything.objects.bulk_update(rows, ["options"])


@step
def update_of_everything(draw: Any) -> None:
    name = draw(st.sampled_from(sorted(expressions)))
    found = Everything.objects.exclude(maybe=None) if name == "integer" else Everything.objects
    found.filter(pk__gt=0).update(**{name: expressions[name]}, text=draw(texts))


@step
def writes_of_composite_keys(draw: Any) -> None:
    seat = Seat(room=draw(words), number=draw(few), guest=draw(texts))
    seat.save()
    Seat.objects.bulk_create(
        [Seat(room=draw(words), number=draw(few), guest=draw(texts))],
        update_conflicts=True,
        update_fields=["guest"],
        **on_conflict("room", "number"),
    )
    Seat.objects.filter(number=draw(few)).delete()


@step
def writes_of_uuid_keys(draw: Any) -> None:
    ticket = Ticket(subject=draw(texts))
    ticket.save()
    Ticket.objects.filter(subject=draw(texts)).delete()
    if statements.can_return_rows(connection) and draw(st.booleans()):
        Ticket.objects.filter(pk=ticket.pk).update(id=uuid.uuid4(), subject="moved")


@step
def upserts(draw: Any) -> None:
    rows = {
        (sku, warehouse): Stock(sku=sku, warehouse=warehouse, quantity=draw(few))
        for sku, warehouse in draw(st.lists(st.tuples(words, words), max_size=4))
    }
    if draw(st.booleans()):
        Stock.objects.bulk_create(rows.values(), ignore_conflicts=True)
        return
    Stock.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        update_fields=["quantity"],
        **on_conflict("sku", "warehouse"),
    )
    Stock.objects.filter(sku=draw(words)).update(quantity=F("quantity") + draw(few))


@step
def ignored_bookings(draw: Any) -> None:
    Booking.objects.bulk_create(
        [
            Booking(code=draw(words), room=draw(words), cancelled=draw(st.booleans()))
            for _ in range(draw(few))
        ],
        ignore_conflicts=True,
    )


@step
def computed_columns(draw: Any) -> None:
    line = draw(st.booleans()) and some(draw, Line) or Line()
    line.price, line.quantity = draw(few), draw(st.integers(-1000, 1000))
    line.save()
    Line.objects.filter(price=draw(few)).update(price=F("quantity"))


@step
def growth_of_trees(draw: Any) -> None:
    for model in (Node, Branch):
        parent = draw(st.booleans()) and some(draw, model) or None
        model.objects.create(name=draw(texts), parent=parent)


@step
def fall_of_trees(draw: Any) -> None:
    for model in (Node, Branch):
        fallen = some(draw, model)
        if fallen is not None:
            fallen.delete()


@step
def many_to_many(draw: Any) -> None:
    article = draw(st.booleans()) and some(draw, Article) or Article.objects.create(title="a")
    if Label.objects.count() < 4:
        Label.objects.create(name=draw(texts))
    labels = list(Label.objects.all())
    article.labels.set(draw(st.lists(st.sampled_from(labels), unique=True)))
    article.related.set(Article.objects.all()[: draw(few)])
    reader = Reader.objects.create(name=draw(texts))
    article.readers.add(reader, through_defaults={"note": draw(texts)})
    article.comments.create(text=draw(texts))
    Reading.objects.filter(reader__name=draw(texts)).update(note="")


@step
def deletes_with_all_that_hangs_on(draw: Any) -> None:
    for model in (Article, Label, Everything, Team):
        found = some(draw, model)
        if found is not None and draw(st.booleans()):
            model.objects.filter(pk__in=[found.pk]).delete()


@step
def multi_table_children(draw: Any) -> None:
    place = draw(st.booleans()) and some(draw, Restaurant) or Restaurant()
    place.name, place.stars = draw(texts), draw(few)
    place.save()
    Restaurant.objects.filter(stars=draw(few)).update(name=draw(texts), stars=F("stars") + 1)
    Restaurant.objects.filter(stars=draw(st.integers(2, 5))).delete()


@step
def audiences_and_excluded_fields(draw: Any) -> None:
    Draft.objects.create(title=draw(short_texts), scratch=draw(texts))
    Draft.objects.update(scratch=draw(texts))
    team, _ = Team.objects.get_or_create(name=draw(words))
    Memo.objects.create(team=team, text=draw(texts))
    Memo.objects.update(team=some(draw, Team))
