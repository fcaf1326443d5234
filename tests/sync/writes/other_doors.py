"""Fixtures, data migrations, coroutines."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import F

from tests.sync.observing import Entry, delete, insert, update
from tests.sync.writes.many_to_many import labels
from tests.sync.writes.table import FIXTURE, Steps, freed, write
from tests.testapp.models import Article, Club, Comment, Owner, Person, Stock, Team


@write
def loaddata() -> Steps:
    yield
    call_command("loaddata", str(FIXTURE), verbosity=0)
    yield [insert(stock) for stock in Stock.objects.all()]


@write
def loaddata_over_existing_records() -> Steps:
    Stock.objects.create(pk=901, sku="nut", warehouse="north")
    yield
    call_command("loaddata", str(FIXTURE), verbosity=0)
    yield [update(Stock(pk=901)), insert(Stock(pk=902))]


@write
def data_migration() -> Steps:
    """Write as a data migration does, with models that only the migrations know."""
    state = MigrationLoader(connection).project_state([("testapp", "0001_initial")])
    old_stock = state.apps.get_model("testapp", "Stock")
    old_node = state.apps.get_model("testapp", "Node")
    assert old_stock is not Stock
    yield
    stock = old_stock.objects.create(sku="a", warehouse="north")
    stock.quantity = 3
    stock.save()
    old_stock.objects.bulk_create([old_stock(sku="b", warehouse="north")])
    old_stock.objects.update(quantity=F("quantity") + 1)
    other = old_stock.objects.exclude(pk=stock.pk).get()
    root = old_node.objects.create(name="root")
    leaf = old_node.objects.create(name="leaf", parent=root)
    entries = [
        insert(stock),
        update(stock),
        insert(other),
        update(stock),
        update(other),
        insert(root),
        insert(leaf),
        delete(root),
        delete(leaf),
        *freed(leaf),
    ]
    root.delete()
    yield entries


@write
def async_saves_and_deletes() -> Steps:
    owner = Owner(name="Ada")

    async def run() -> list[Entry]:
        await owner.asave()
        owner.name = "Grace"
        await owner.asave(update_fields=["name"])
        entries = [insert(owner), update(owner), delete(owner)]
        await owner.adelete()
        other = await Owner.objects.acreate(name="Alan")
        await Owner.objects.aupdate(name="Edsger")
        entries += [insert(other), update(other), delete(other)]
        await Owner.objects.all().adelete()
        return entries

    yield
    yield async_to_sync(run)()


@write
def async_bulk_writes() -> Steps:
    async def run() -> list[Entry]:
        await Stock.objects.abulk_create([Stock(sku=s, warehouse="n") for s in "ab"])
        made = [stock async for stock in Stock.objects.all()]  # MySQL tells no keys
        for stock in made:
            stock.quantity = 8
        await Stock.objects.abulk_update(made, ["quantity"])
        team, _ = await Team.objects.aget_or_create(name="red")
        await Team.objects.aupdate_or_create(name="red", defaults={"name": "blue"})
        changed = [insert(stock) for stock in made] + [update(stock) for stock in made]
        return [*changed, insert(team), update(team)]

    yield
    yield async_to_sync(run)()


@write
def async_many_to_many() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")

    async def run() -> list[Entry]:
        await article.labels.aadd(a)
        [first] = [row async for row in article.labels.through.objects.all()]
        await article.labels.aset([b])
        [second] = [row async for row in article.labels.through.objects.all()]
        await article.labels.aclear()
        return [insert(first), delete(first), insert(second), delete(second)]

    yield
    yield async_to_sync(run)()


@write
def loaddata_with_natural_keys_and_many_to_many_rows() -> Steps:
    """Load a fixture that names people by their nicks, once over what exists."""
    ada = Person.objects.create(nick="ada")
    yield
    call_command("loaddata", str(FIXTURE.with_name("clubs.json")), verbosity=0)
    grace, club = Person.objects.get(nick="grace"), Club.objects.get()
    rows = [insert(row) for row in Club.members.through.objects.all()]
    assert len(rows) == 2
    yield [update(ada), insert(grace), insert(club), *rows]


@write
def save_of_deserialised_objects() -> Steps:
    """Save what `deserialize` gives, over other many-to-many rows and without its own save()."""
    people = [Person.objects.create(nick=nick) for nick in "ab"]
    club = Club.objects.create(name="a")
    club.members.add(people[0])
    text = serializers.serialize("json", [club])
    club.members.set([people[1]])
    [gone] = [delete(row) for row in Club.members.through.objects.all()]
    yield
    [found] = serializers.deserialize("json", text)
    found.save()
    [row] = Club.members.through.objects.all()
    yield [update(club), gone, insert(row)]


@write
def async_managers_of_far_sides() -> Steps:
    ada, article = Owner.objects.create(name="Ada"), Article.objects.create(title="a")

    async def run() -> list[Entry]:
        made = await ada.nulled_set.acreate(name="a")
        await ada.nulled_set.aget_or_create(name="a")
        await ada.nulled_set.aupdate_or_create(name="a", defaults={"name": "b"})
        await ada.nulled_set.aremove(made)
        await ada.nulled_set.aadd(made)
        await ada.nulled_set.aset([])
        await ada.nulled_set.aadd(made)
        await ada.nulled_set.aclear()
        comment = await article.comments.acreate(text="a")
        entries = [insert(made), *[update(made)] * 6, insert(comment), delete(comment)]
        await article.comments.aclear()
        label = await article.labels.acreate(name="a")
        [row] = [row async for row in article.labels.through.objects.all()]
        await article.labels.aremove(label)
        return [*entries, insert(label), insert(row), delete(row)]

    yield
    yield async_to_sync(run)()


@write
def saves_while_iterating_asynchronously() -> Steps:
    many = [Owner.objects.create(name=name) for name in "abc"]

    async def run() -> None:
        async for owner in Owner.objects.aiterator(chunk_size=2):
            owner.name += "!"
            await owner.asave()
            await owner.arefresh_from_db()

    yield
    async_to_sync(run)()
    yield [update(owner) for owner in many]


@write
def removal_of_stale_content_types() -> Steps:
    """Run a command of Django's that deletes rows and what hangs on them."""
    kind = ContentType.objects.create(app_label="testapp", model="gone")
    gone = delete(Comment.objects.create(content_type=kind, object_id=1, text="a"))
    yield
    call_command("remove_stale_contenttypes", interactive=False, verbosity=0)
    yield [gone]
