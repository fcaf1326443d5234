"""Deletes that the database spreads by itself (Django 6.1); skipped where it cannot."""

from __future__ import annotations

from django.db import connection, models

from tests.sync.observing import delete, update
from tests.sync.writes.table import Steps, needs, registered, write

if hasattr(models, "DB_CASCADE"):
    from tests.testapp.spreading import (
        Bench,
        Bottle,
        Cellar,
        Egg,
        Hen,
        Leaf,
        Marker,
        Nest,
        Plot,
        Pot,
        Sign,
        Tree,
        Vine,
    )

CASCADE = "supports_on_delete_db_cascade"
DEFAULT = "supports_on_delete_db_default"


@write
def cascade_in_the_database() -> Steps:
    """Delete a parent: its children and theirs go, another parent's stay."""
    needs(CASCADE)
    plot, other = Plot.objects.create(), Plot.objects.create()
    trees = [Tree.objects.create(plot=plot) for _ in range(2)]
    leaves = [Leaf.objects.create(tree=tree) for tree in trees]
    Leaf.objects.create(tree=Tree.objects.create(plot=other))
    gone = [delete(row) for row in (plot, *trees, *leaves)]
    yield
    plot.delete()
    yield gone


@write
def set_null_in_the_database() -> Steps:
    """Delete a parent: its child is updated."""
    needs(CASCADE)
    tree = Tree.objects.create(plot=Plot.objects.create())
    nest, empty = Nest.objects.create(tree=tree), Nest.objects.create()
    gone = [delete(tree), update(nest)]
    assert empty.tree_id is None
    yield
    tree.delete()
    yield gone


@write
def set_null_below_a_cascade_in_the_database() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create()
    tree = Tree.objects.create(plot=plot)
    nest = Nest.objects.create(tree=tree)
    gone = [delete(plot), delete(tree), update(nest)]
    yield
    plot.delete()
    yield gone


@write
def set_default_in_the_database() -> Steps:
    """Delete a parent: its child is handed to the parent that the column's default names."""
    needs(DEFAULT)
    with registered(Sign):
        plot, _ = Plot.objects.create(), Plot.objects.create(pk=Plot.FALLBACK)
        sign = Sign.objects.create(plot=plot)
        gone = [delete(plot), update(sign)]
        yield
        plot.delete()
        yield gone


@write
def cascade_and_set_null_of_one_row_in_the_database() -> Steps:
    """Delete what reaches one child on two ways, of which the deletion wins."""
    needs(CASCADE)
    plot = Plot.objects.create()
    tree = Tree.objects.create(plot=plot)
    both, one = Bench.objects.create(plot=plot, tree=tree), Bench.objects.create(tree=tree)
    gone = [delete(plot), delete(tree), delete(both), update(one)]
    yield
    plot.delete()
    yield gone


@write
def cascade_through_another_column_in_the_database() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create(code="north")
    marker = Marker.objects.create(plot=plot)
    Marker.objects.create(plot=Plot.objects.create(code="south"))
    gone = [delete(plot), delete(marker)]
    yield
    plot.delete()
    yield gone


@write
def cascade_to_a_composite_key_in_the_database() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create()
    pots = [Pot.objects.create(plot=plot, number=number) for number in range(3)]
    gone = [delete(plot), *(delete(pot) for pot in pots)]
    yield
    plot.delete()
    yield gone


@write
def cascade_within_one_table_in_the_database() -> Steps:
    needs(CASCADE)
    root = Vine.objects.create(name="root")
    leaf = Vine.objects.create(name="c", parent=Vine.objects.create(name="b", parent=root))
    gone = [delete(root), delete(leaf.parent), delete(leaf)]
    Vine.objects.create(name="other")
    yield
    root.delete()
    yield gone


@write
def cascade_down_a_long_chain_in_the_database() -> Steps:
    """Delete the first of a chain as long as Python's stack is deep, where the database goes that
    far: MariaDB stops at fifteen."""
    needs(CASCADE)
    depth = 15 if connection.vendor == "mysql" else 900
    chain = [Vine.objects.create(name="0")]
    while len(chain) < depth:
        chain.append(Vine.objects.create(name="x", parent=chain[-1]))
    gone = [delete(vine) for vine in chain]
    yield
    chain[0].delete()
    yield gone


@write
def cascade_of_rows_that_the_statement_matches_itself() -> Steps:
    """Delete parents and children of one table by one statement: each is recorded once."""
    needs(CASCADE)
    root = Vine.objects.create(name="root")
    rows = [root, *(Vine.objects.create(name="leaf", parent=root) for _ in range(2))]
    gone = [delete(row) for row in rows]
    yield
    Vine.objects.all().delete()
    yield gone


@write
def cascade_around_a_circle_in_the_database() -> Steps:
    needs(CASCADE)
    hen = Hen.objects.create()
    egg = Egg.objects.create(hen=hen)
    Hen.objects.filter(pk=hen.pk).update(egg=egg)
    gone = [delete(hen), delete(egg)]
    yield
    hen.delete()
    yield gone


@write
def cascade_through_a_table_that_is_not_registered() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create()
    bottle = Bottle.objects.create(cellar=Cellar.objects.create(plot=plot))
    gone = [delete(plot), delete(bottle)]
    yield
    plot.delete()
    yield gone


@write
def cascade_from_a_table_that_is_not_registered() -> Steps:
    needs(CASCADE)
    cellars = [Cellar.objects.create() for _ in range(2)]
    bottles = [Bottle.objects.create(cellar=cellar) for cellar in cellars]
    yield
    gone = delete(bottles[0])
    Cellar.objects.filter(pk=cellars[0].pk).delete()
    yield [gone]


@write
def cascade_of_a_query_set_with_a_join_in_the_database() -> Steps:
    needs(CASCADE)
    plots = [Plot.objects.create(name=name) for name in "ab"]
    trees = [Tree.objects.create(plot=plot) for plot in plots]
    leaf = Leaf.objects.create(tree=trees[0])
    gone = [delete(trees[0]), delete(leaf)]
    yield
    Tree.objects.filter(plot__name="a").delete()
    yield gone


@write
def cascade_of_a_distinct_query_set_in_the_database() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create(name="a")
    trees = [Tree.objects.create(plot=plot) for _ in range(2)]
    gone = [delete(row) for row in (plot, *trees)]
    yield
    Plot.objects.filter(tree__plot__name="a").distinct().delete()
    yield gone


@write
def cascade_of_more_rows_than_one_statement_looks_up() -> Steps:
    needs(CASCADE)
    Plot.objects.bulk_create([Plot() for _ in range(1100)])
    plots = Plot.objects.all()  # MySQL tells no keys
    Tree.objects.bulk_create([Tree(plot=plot) for plot in plots for _ in range(2)])
    gone = [delete(row) for row in (*plots, *Tree.objects.all())]
    yield
    Plot.objects.all().delete()
    yield gone


@write
def cascade_in_the_database_of_rows_that_are_gone() -> Steps:
    needs(CASCADE)
    plot = Plot.objects.create()
    Tree.objects.create(plot=Plot.objects.create())
    Plot.objects.filter(pk=plot.pk).delete()
    yield
    assert plot.delete()[0] == 0
    assert Plot.objects.filter(name="nobody").delete()[0] == 0
    yield []
