"""What a foreign key does to the rows that hang on a written one."""

from __future__ import annotations

import pytest
from django.db.models import RestrictedError

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, freed, write
from tests.testapp.models import (
    Article,
    Cascaded,
    CascadedDeeper,
    Comment,
    Defaulted,
    Node,
    Nulled,
    Owner,
    Restricted,
    Unseen,
)


@write
def cascade_in_two_steps() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    child = Cascaded.objects.create(owner=ada)
    deeper = CascadedDeeper.objects.create(parent=child)
    CascadedDeeper.objects.create(parent=Cascaded.objects.create(owner=grace))
    gone = [delete(ada), delete(child), delete(deeper)]
    yield
    ada.delete()
    yield gone


@write
def cascade_of_a_query_set() -> Steps:
    owners = [Owner.objects.create(name=name) for name in ("Ada", "Grace")]
    children = [Cascaded.objects.create(owner=owner) for owner in owners]
    gone = [delete(row) for row in (*owners, *children)]
    yield
    Owner.objects.all().delete()
    yield gone


@write
def set_null_on_a_child() -> Steps:
    ada = Owner.objects.create(name="Ada")
    child = Nulled.objects.create(owner=ada, name="orphan")
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone, update(child)]


@write
def set_default_on_a_child() -> Steps:
    Owner.objects.create(pk=Owner.FALLBACK, name="everybody")
    ada = Owner.objects.create(name="Ada")
    child = Defaulted.objects.create(owner=ada)
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone, update(child)]


@write
def delete_that_a_child_refuses() -> Steps:
    ada = Owner.objects.create(name="Ada")
    Cascaded.objects.create(owner=ada)
    Restricted.objects.create(owner=ada)
    yield
    with pytest.raises(RestrictedError):
        ada.delete()
    yield []


@write
def cascade_within_one_table() -> Steps:
    root = Node.objects.create(name="root")
    leaf = Node.objects.create(name="leaf", parent=Node.objects.create(name="b", parent=root))
    gone = [delete(root), delete(leaf.parent), delete(leaf), *freed(leaf.parent, leaf)]
    yield
    root.delete()
    yield gone


@write
def cascade_without_a_foreign_key() -> Steps:
    article = Article.objects.create(title="a")
    comment = Comment.objects.create(subject=article, text="b")
    gone = [delete(article), delete(comment)]
    yield
    article.delete()
    yield gone


@write
def cascade_into_a_model_that_is_not_registered() -> Steps:
    ada = Owner.objects.create(name="Ada")
    Unseen.objects.create(owner=ada)
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone]


@write
def writes_of_a_model_that_is_not_registered() -> Steps:
    yield
    unseen = Unseen.objects.create(name="a")
    Unseen.objects.update(name="b")
    unseen.delete()
    yield []


@write
def managers_of_the_far_side_of_a_foreign_key() -> Steps:
    ada = Owner.objects.create(name="Ada")
    added, removed = Nulled.objects.create(), Nulled.objects.create(owner=ada)
    yield
    made = ada.nulled_set.create(name="made")
    ada.nulled_set.add(added)
    ada.nulled_set.remove(removed)
    ada.nulled_set.clear()
    yield [insert(made), update(added), update(removed), update(made), update(added)]
