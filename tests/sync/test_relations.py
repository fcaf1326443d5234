"""What points at a record: foreign keys, many-to-many rows and generic relations that sync."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType

from sync.relations import relations, targets
from tests.testapp.models import Article, Label, Node, Owner, Person, Place, Ticket

pytestmark = pytest.mark.django_db


def pointing_at(model, record_id="7", **held):
    found = relations(model, targets(model, record_id, held))
    return {(one.table, *one.values.items()) for one in found}


def test_the_models_with_a_foreign_key_point_at_a_record():
    assert pointing_at(Owner) == {
        (f"testapp_{name}", ("owner_id", 7))
        for name in ("cascaded", "nulled", "defaulted", "restricted")
    }


def test_so_do_the_records_of_the_same_table():
    assert ("testapp_node", ("parent_id", 7)) in pointing_at(Node)


def test_so_do_many_to_many_rows_from_both_sides():
    assert pointing_at(Label) == {("testapp_article_labels", ("label_id", 7))}
    found = pointing_at(Article)
    assert {
        ("testapp_article_labels", ("article_id", 7)),
        ("testapp_article_related", ("from_article_id", 7)),
        ("testapp_article_related", ("to_article_id", 7)),
        ("testapp_reading", ("article_id", 7)),
    } < found


def test_so_do_generic_relations():
    article = ContentType.objects.get_for_model(Article)
    comment = ("testapp_comment", ("content_type_id", article.pk), ("object_id", 7))
    assert comment in pointing_at(Article)


def test_a_multi_table_child_points_at_its_parent():
    assert ("testapp_restaurant", ("place_ptr_id", 7)) in pointing_at(Place)


def test_what_does_not_sync_is_left_out(unregister):
    assert "testapp_unseen" not in {table for table, *_ in pointing_at(Owner)}


def test_a_key_that_the_model_cannot_have_is_pointed_at_by_nothing():
    assert pointing_at(Ticket, "no uuid") == set()
    assert pointing_at(Owner, "seven") == set()


def test_the_values_of_columns_that_are_gone_are_passed_over():
    assert targets(Owner, "7", {"name": "a", "dropped": 1}) == {"id": 7, "name": "a"}


def test_whether_the_database_finds_the_rows_by_an_index_is_known():
    by_table = {one.table: one.is_indexed for one in relations(Article, targets(Article, "7", {}))}
    assert by_table["testapp_article_labels"]
    assert by_table["testapp_reading"]
    assert not by_table["testapp_comment"]  # but of the many of one content type


def test_the_text_of_a_row_that_points_there_is_known():
    [labels] = relations(Label, targets(Label, "7", {}))
    assert labels.fragments == ['"label_id":7']
    [person] = (
        one for one in relations(Person, targets(Person, "7", {})) if one.table == "testapp_profile"
    )
    assert person.fragments == ['"person_id":7']
