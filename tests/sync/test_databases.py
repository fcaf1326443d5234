"""Each database that holds a registered table holds its own log."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

import sync
from sync.cursor import Position
from sync.models import LogHead, SyncLog
from sync.publishing import publish
from sync.signals import recorded as recorded_signal
from tests.sync.observing import brief, delete, insert, update
from tests.testapp.models import Article, Cascaded, Label, Owner, Restaurant, Stock

pytestmark = pytest.mark.django_db(databases=["default", "other"])

committing = pytest.mark.django_db(transaction=True, databases=["default", "other"])


class Undo(Exception):
    """Rolls back the block it is raised in."""


class ToOther:
    """Routes everything of the tests' app to the other database."""

    def db_for_read(self, model, **hints):
        return "other" if model._meta.app_label == "testapp" else None

    db_for_write = db_for_read


def log(using):
    return list(SyncLog.objects.using(using).order_by("id"))


def nothing_in(using):
    return not SyncLog.objects.using(using).exists()


def test_a_save_is_recorded_where_it_is_saved():
    owner = Owner(name="Ada")
    owner.save(using="other")
    owner.name = "Grace"
    owner.save()
    entries = [insert(owner), update(owner), delete(owner)]
    owner.delete()
    assert brief(log("other")) == entries
    assert log("other")[1].values["name"] == "Grace"
    assert nothing_in("default")


def test_writes_of_query_sets_and_managers_are_recorded_where_they_write():
    other = Owner.objects.using("other")
    a, b = other.bulk_create([Owner(name=name) for name in "ab"])
    Owner.objects.db_manager("other").filter(name="a").update(name="c")
    child = Cascaded.objects.db_manager("other").create(owner=a)
    entries = [insert(a), insert(b), update(a), insert(child), delete(child), delete(a), delete(b)]
    other.all().delete()
    assert sorted(brief(log("other"))) == sorted(entries)
    assert nothing_in("default")


def test_upserts_many_to_many_rows_and_parents_are_recorded_where_they_are_written():
    article = Article.objects.using("other").create(title="a")
    label = Label.objects.using("other").create(name="b")
    article.labels.add(label)
    Restaurant(name="a", stars=1).save(using="other")
    Restaurant.objects.using("other").update(name="b", stars=2)
    Stock.objects.using("other").bulk_create(
        [Stock(sku="a", warehouse="n")] * 1, ignore_conflicts=True
    )
    tables = [entry.table for entry in log("other")]
    assert sorted(tables) == sorted(
        [
            "testapp_article",
            "testapp_label",
            "testapp_article_labels",
            *["testapp_place", "testapp_restaurant"] * 2,
            "testapp_stock",
        ]
    )
    assert nothing_in("default")


def test_a_router_decides_where_a_change_is_recorded(settings):
    settings.DATABASE_ROUTERS = [ToOther()]
    owner = Owner.objects.create(name="Ada")
    Owner.objects.filter(pk=owner.pk).update(name="Grace")
    sync.record(Owner, [owner.pk])
    sync.record_deleted(Owner, [{"id": 4711}])
    assert [entry.action for entry in log("other")] == ["insert", "update", "update", "delete"]
    assert nothing_in("default")


def test_the_explicit_door_takes_a_database():
    owner = Owner.objects.using("other").create(name="Ada")
    assert sync.record(Owner, [owner.pk], using="other") == 1
    assert sync.record(Owner, [owner.pk]) == 0
    assert sync.record_deleted(Owner, [{"id": 4711}], using="other") == 1
    assert [entry.action for entry in log("other")] == ["insert", "update", "delete"]
    assert nothing_in("default")


@committing
def test_transactions_of_two_databases_have_ids_of_their_own():
    with transaction.atomic(), transaction.atomic(using="other"):
        for using in ("default", "other", "default", "other"):
            Owner(name="Ada").save(using=using)
    ids = [{entry.transaction for entry in log(using)} for using in ("default", "other")]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]


@committing
def test_a_rollback_of_one_database_leaves_the_other():
    with transaction.atomic(using="other"):
        Owner.objects.using("other").create(name="kept")
        with pytest.raises(Undo), transaction.atomic():
            Owner.objects.create(name="undone")
            Owner.objects.using("other").create(name="kept as well")
            raise Undo
    assert nothing_in("default") and not Owner.objects.exists()
    assert [entry.values["name"] for entry in log("other")] == ["kept", "kept as well"]


@committing
def test_each_database_is_told_of_its_own_changes_and_when_they_are_committed():
    told, committed = [], []

    def hear(sender, using, transaction, **kwargs):
        told.append(using)
        connections[using].on_commit(lambda: committed.append(using))

    recorded_signal.connect(hear)
    try:
        with transaction.atomic():
            Owner.objects.create(name="Ada")
            Owner.objects.using("other").create(name="Ada")
            assert committed == ["other"]
    finally:
        recorded_signal.disconnect(hear)
    assert told == ["default", "other"]
    assert committed == ["other", "default"]


@committing
def test_each_database_has_an_order_of_its_own():
    for _ in range(2):
        Owner.objects.using("other").create(name="Ada")
    Owner.objects.create(name="Ada")
    end = publish("other")
    assert (end.seq, publish().seq) == (2, 1)
    assert [entry.seq for entry in log("other")] == [1, 2]
    heads = [LogHead.objects.using(using).get() for using in ("default", "other")]
    assert end == Position.of_head(heads[1])
    assert heads[0].epoch != heads[1].epoch


@committing
def test_a_flush_of_one_database_empties_its_log_alone():
    for using in ("default", "other"):
        Owner.objects.using(using).create(name="Ada")
        publish(using)
    call_command("flush", database="other", interactive=False, verbosity=0)
    assert nothing_in("other") and not LogHead.objects.using("other").exists()
    assert (len(log("default")), LogHead.objects.get().seq) == (1, 1)


def test_every_database_has_the_log_that_its_migrations_made():
    for using in ("default", "other"):
        applied = MigrationRecorder(connections[using]).applied_migrations()
        assert ("sync", "0001_initial") in applied
