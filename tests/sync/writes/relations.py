"""Managers of the far side of a relation, and relations without a table of their own."""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, freed, write
from tests.testapp.models import (
    Article,
    Branch,
    Comment,
    Node,
    Nulled,
    Owner,
    Person,
    Profile,
)


@write
def set_null_within_one_table() -> Steps:
    root = Branch.objects.create(name="root")
    below = [Branch.objects.create(name="leaf", parent=root) for _ in range(2)]
    gone = delete(root)
    yield
    root.delete()
    yield [gone, *(update(branch) for branch in below)]


@write
def delete_of_a_whole_tree_whose_children_outlive_their_parents() -> Steps:
    """Delete parents and children at once: the children are freed first, then deleted."""
    root = Branch.objects.create(name="root")
    leaf = Branch.objects.create(name="leaf", parent=root)
    gone = [update(leaf), delete(root), delete(leaf)]
    yield
    Branch.objects.all().delete()
    yield gone


@write
def move_of_a_branch() -> Steps:
    root, other = (Branch.objects.create(name=name) for name in "ab")
    leaf = Branch.objects.create(name="leaf", parent=root)
    yield
    leaf.parent = other
    leaf.save(update_fields=["parent"])
    Branch.objects.filter(parent=other).update(parent=root)
    root.branch_set.set([other], clear=True)
    yield [update(leaf), update(leaf), update(leaf), update(other)]


@write
def saves_by_the_manager_of_a_far_side() -> Steps:
    """Add, set and remove related records with `bulk=False`, which saves each of them."""
    ada = Owner.objects.create(name="Ada")
    a, b = Nulled.objects.create(name="a"), Nulled.objects.create(name="b")
    new = Nulled(name="new")
    yield
    ada.nulled_set.add(a, new, bulk=False)
    ada.nulled_set.set([b], bulk=False)
    ada.nulled_set.remove(b, bulk=False)
    ada.nulled_set.add(a)
    ada.nulled_set.clear(bulk=False)
    yield [
        *(update(a), insert(new)),
        *(update(a), update(new), update(b)),
        *(update(b), update(a), update(a)),
    ]


@write
def get_or_create_and_update_or_create_by_the_manager_of_a_far_side() -> Steps:
    ada = Owner.objects.create(name="Ada")
    yield
    made, _ = ada.nulled_set.get_or_create(name="a")
    ada.nulled_set.get_or_create(name="a")
    ada.nulled_set.update_or_create(name="a", defaults={"name": "b"})
    other, _ = ada.nulled_set.update_or_create(name="c")
    ada.nulled_set.update(name="d")
    entries = [insert(made), update(made), insert(other), update(made), update(other)]
    entries += [delete(made), delete(other)]
    ada.nulled_set.all().delete()
    yield entries


@write
def writes_of_the_far_side_of_a_one_to_one_relation() -> Steps:
    person, other = (Person.objects.create(nick=nick) for nick in "ab")
    yield
    profile = Profile.objects.create(person=person, text="a")
    person.profile.text = "b"
    person.profile.save()
    other.profile = profile
    profile.save()
    entries = [insert(profile), update(profile), update(profile), delete(other), update(profile)]
    other.delete()
    yield entries


@write
def generic_relation() -> Steps:
    article, other = (Article.objects.create(title=title) for title in "ab")
    moved = Comment.objects.create(subject=other, text="moved")
    yield
    made = article.comments.create(text="made")
    article.comments.add(moved)
    new = Comment(text="new")
    article.comments.add(new, bulk=False)
    entries = [insert(made), update(moved), insert(new)]
    entries += [delete(made), delete(moved)]
    article.comments.remove(made)
    article.comments.set([new])
    entries += [delete(new)]
    article.comments.clear()
    yield entries


@write
def generic_relation_row_by_row() -> Steps:
    """Remove with `bulk=False`, find or make, and replace all at once."""
    article = Article.objects.create(title="a")
    a, b = (Comment.objects.create(subject=article, text=text) for text in "ab")
    entries = [delete(a), delete(b)]
    yield
    article.comments.remove(a, bulk=False)
    article.comments.clear(bulk=False)
    c, _ = article.comments.get_or_create(text="c")
    article.comments.update_or_create(text="c", defaults={"text": "d"})
    article.comments.update(text="e")
    entries += [insert(c), update(c), update(c), delete(c)]
    article.comments.set([], clear=True)
    yield entries


@write
def delete_of_a_content_type() -> Steps:
    """Delete a content type, which takes the generic rows of its model along."""
    kind = ContentType.objects.create(app_label="testapp", model="gone")
    comment = Comment.objects.create(content_type=kind, object_id=1, text="a")
    gone = delete(comment)
    yield
    kind.delete()
    yield [gone]


@write
def cascade_down_a_deep_tree() -> Steps:
    nodes = [Node.objects.create(name="root")]
    while len(nodes) < 30:
        nodes.append(Node.objects.create(name="x", parent=nodes[-1]))
    gone = [*(delete(node) for node in nodes), *freed(*nodes[1:])]
    yield
    nodes[0].delete()
    yield gone
