"""The records that point at a record, also those that are gone, as far as a bounded look goes."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import transaction

from sync import children as module
from sync.children import children
from sync.parts import parts
from sync.publishing import publish
from sync.registry import registry
from tests.sync.observing import Statements, name_of
from tests.testapp.models import (
    Article,
    Cascaded,
    Comment,
    Label,
    Nulled,
    Owner,
    Place,
    Restaurant,
    Stock,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVERY_TABLE = [one.table for one in registry]


def children_of(instance, tables=EVERY_TABLE):
    publish()
    owners = parts(type(instance), name_of(instance), "default")
    return children(owners, tables, "default")


def records_of(instance, tables=EVERY_TABLE):
    return set(children_of(instance, tables).records)


def key(instance):
    return instance._meta.db_table, name_of(instance)


@pytest.fixture
def owner():
    return Owner.objects.create(name="a")


def test_the_records_that_point_there_now_are_found(owner):
    other = Owner.objects.create(name="b")
    mine = [Cascaded.objects.create(owner=owner), Nulled.objects.create(owner=owner)]
    Cascaded.objects.create(owner=other)
    found = children_of(owner)
    assert set(found.records) == {key(one) for one in mine}
    assert (found.is_cut, found.since, found.unindexed) == (False, None, [])


def test_so_are_those_that_the_log_has_passed_long_ago(owner, sync_settings):
    mine = Cascaded.objects.create(owner=owner)
    sync_settings(HISTORY_CHILDREN_WINDOW=1)
    Cascaded.objects.bulk_create(Cascaded(owner=Owner.objects.create(name="b")) for _ in range(20))
    assert records_of(owner) == {key(mine)}


def test_what_is_gone_or_points_elsewhere_by_now_is_found_where_that_was_lately(owner):
    gone, moved = Cascaded.objects.create(owner=owner), Nulled.objects.create(owner=owner)
    expected = {key(gone), key(moved)}
    gone.delete()
    moved.owner = None
    moved.save()
    assert records_of(owner) == expected


def test_what_went_long_ago_is_not_and_the_page_can_say_since_when(owner, sync_settings):
    gone = Cascaded.objects.create(owner=owner)
    gone.delete()
    publish()
    sync_settings(HISTORY_CHILDREN_WINDOW=0)
    Cascaded.objects.create(owner=Owner.objects.create(name="b"))
    found = children_of(owner)
    assert found.records == []
    assert found.since is not None


def test_what_went_in_one_transaction_with_a_change_of_the_record_is_found(owner, sync_settings):
    gone = [Cascaded.objects.create(owner=owner) for _ in range(3)]
    expected = {key(one) for one in gone}
    sync_settings(HISTORY_CHILDREN_WINDOW=0)
    name = key(owner)
    owner.delete()
    publish()
    assert set(children({name: Owner}, EVERY_TABLE, "default").records) == expected


def test_a_number_is_not_taken_for_a_longer_one_that_begins_with_it(sync_settings):
    owner = Owner.objects.create(pk=1, name="a")
    others = [Owner.objects.create(pk=pk, name="b") for pk in (10, 11, 123)]
    Cascaded.objects.bulk_create(Cascaded(owner=one) for one in others)
    assert records_of(owner) == set()


def test_many_to_many_rows_are_children_of_both_sides():
    article, label = Article.objects.create(title="a"), Label.objects.create(name="b")
    article.labels.add(label)
    [row] = Article.labels.through.objects.all()
    expected = {key(row)}
    article.labels.clear()
    assert records_of(article) == records_of(label) == expected


def test_a_child_of_a_multi_table_parent_is_no_child_of_itself():
    restaurant = Restaurant.objects.create(name="a")
    assert records_of(restaurant) == set()
    assert records_of(Place.objects.get()) == {key(restaurant)}


def test_tables_that_may_not_be_seen_are_left_out(owner):
    Cascaded.objects.create(owner=owner)
    mine = Nulled.objects.create(owner=owner)
    assert records_of(owner, ["testapp_nulled"]) == {key(mine)}
    assert records_of(owner, []) == set()


def test_a_table_without_an_index_is_not_read_and_that_is_said(sync_settings):
    article = Article.objects.create(title="a")
    comment = article.comments.create(text="lately")
    found = children_of(article)
    assert (found.records, found.unindexed) == ([key(comment)], [Comment])
    sync_settings(HISTORY_CHILDREN_WINDOW=0)
    assert records_of(article) == set()


def test_there_are_no_more_than_the_setting_says_those_that_changed_last_first(
    owner, sync_settings
):
    rows = [Cascaded.objects.create(owner=owner) for _ in range(5)]
    Cascaded.objects.filter(pk=rows[1].pk).update(name="b")
    sync_settings(HISTORY_CHILDREN=2)
    found = children_of(owner)
    assert found.is_cut
    assert found.records == [key(rows[1]), key(rows[4])]


def test_a_large_transaction_is_looked_through_in_part(owner, sync_settings):
    sync_settings(HISTORY_CHILDREN_WINDOW=0)
    with transaction.atomic():
        rows = Cascaded.objects.bulk_create(Cascaded(owner=owner) for _ in range(5))
        gone = [key(one) for one in rows]
        Cascaded.objects.all().delete()
        Owner.objects.update(name="b")
    with patch.object(module, "REACH", 3):
        assert 0 < len(records_of(owner)) < len(gone)
    assert records_of(owner) == set(gone)


def test_many_children_cost_as_many_statements_as_one(owner):
    Cascaded.objects.create(owner=owner)
    children_of(owner)
    with Statements() as few:
        children_of(owner)
    Cascaded.objects.bulk_create(Cascaded(owner=owner) for _ in range(30))
    Stock.objects.create(sku="a", warehouse="n")
    publish()
    with Statements() as many:
        children_of(owner)
    assert len(many) == len(few)
