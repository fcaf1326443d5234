"""All changes of a transaction are taken back together, or none."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

import sync
from sync.backfilling import backfill
from sync.errors import RestoreError
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.restoring import plan_undo
from tests.support.state import database_state
from tests.sync.observing import recorded
from tests.sync.restoring.applied import REASON, last_entry, undo
from tests.testapp.models import (
    Article,
    Cascaded,
    CascadedDeeper,
    Label,
    Line,
    Memo,
    Nulled,
    Owner,
    Restaurant,
    Stamped,
    Stock,
    Team,
    Unseen,
)

pytestmark = pytest.mark.django_db(transaction=True)


def newest():
    publish()
    return SyncLog.objects.order_by("-seq")[0]


def write_all_kinds():
    """Insert, update and delete records that hang on each other."""
    owner = Owner.objects.create(name="new")
    Cascaded.objects.create(owner=owner, name="child")
    Cascaded.objects.filter(name="moved").update(owner=owner)
    Stock.objects.filter(sku="bolt").update(quantity=9)
    Stock.objects.filter(sku="bolt").update(quantity=10, warehouse="x")
    Stock.objects.get(sku="nut").delete()
    Stock.objects.create(sku="nut", warehouse="n", quantity=1)
    Owner.objects.get(name="gone").delete()
    article = Article.objects.get()
    article.labels.set([Label.objects.create(name="l2")])
    Restaurant.objects.create(name="r", stars=1)
    Restaurant.objects.filter(name="old").delete()


@pytest.fixture
def former():
    """Records of many kinds, and the state of all of them."""
    gone, kept = Owner.objects.create(name="gone"), Owner.objects.create(name="kept")
    child = Cascaded.objects.create(owner=gone)
    CascadedDeeper.objects.create(parent=child)
    Nulled.objects.create(owner=gone)
    Cascaded.objects.create(owner=kept, name="moved")
    Stock.objects.create(sku="bolt", warehouse="n", quantity=1)
    Stock.objects.create(sku="nut", warehouse="n", quantity=2)
    Article.objects.create(title="a").labels.add(Label.objects.create(name="l1"))
    Restaurant.objects.create(name="old", stars=4)
    return database_state()


def test_everything_is_as_it_was_before(former):
    with transaction.atomic():
        write_all_kinds()
    assert database_state() != former
    undo(newest())
    assert database_state() == former


def test_an_undo_can_be_undone(former):
    with transaction.atomic():
        write_all_kinds()
    written = database_state()
    undo(newest())
    undo(newest())
    assert database_state() == written


def test_the_undo_is_recorded_with_who_and_why(former):
    with transaction.atomic():
        write_all_kinds()
    entry = newest()
    with recorded() as found:
        undo(entry)
    assert {(one.actor, one.reason) for one in found} == {("ada", REASON)}
    assert len({one.transaction for one in found}) == 1


def test_a_record_that_was_deleted_and_made_anew_is_what_it_was():
    Stock.objects.create(pk=5, sku="bolt", warehouse="n", quantity=2)
    with transaction.atomic():
        Stock.objects.all().delete()
        Stock.objects.create(pk=5, sku="bolt", warehouse="s", quantity=1)
    undo(newest())
    assert Stock.objects.values_list("pk", "warehouse", "quantity").get() == (5, "n", 2)


def test_what_came_and_went_within_the_transaction_leaves_nothing_to_do(former):
    with transaction.atomic():
        Stock.objects.filter(sku="bolt").update(quantity=7)
        Stock.objects.create(sku="cog", warehouse="n").delete()
    [step] = plan_undo(newest()).steps
    assert (step.action, [one.name for one in step.ticked]) == ("update", ["quantity"])


def test_what_was_changed_since_is_a_conflict_with_who_did_it():
    stock = Stock.objects.create(sku="bolt", warehouse="n")
    with transaction.atomic():
        Stock.objects.update(quantity=5)
        other = Stock.objects.create(sku="nut", warehouse="n")
    entry = newest()
    with sync.context(actor="grace"):
        Stock.objects.update(quantity=6)
    publish()
    plan = plan_undo(entry)
    assert plan.conflicts == 2
    steps = {step.target.record_id: step for step in plan.steps}
    assert steps[str(other.pk)].loses_changes
    [conflict] = steps[str(stock.pk)].conflicts
    assert (conflict.changed_by.actor, conflict.present, conflict.wanted) == ("grace", 6, 0)


def test_only_the_fields_that_it_changed_are_taken_back():
    stock = Stock.objects.create(sku="bolt", warehouse="n")
    with transaction.atomic():
        Stock.objects.update(quantity=5)
    entry = newest()
    Stock.objects.update(warehouse="s")
    undo(entry)
    stock.refresh_from_db()
    assert (stock.quantity, stock.warehouse) == (0, "s")


def test_a_change_of_a_record_that_is_gone_cannot_be_taken_back():
    stock = Stock.objects.create(sku="bolt", warehouse="n")
    Stock.objects.update(quantity=5)
    entry = newest()
    stock.delete()
    publish()
    assert "deleted since" in " ".join(plan_undo(entry).problems)


def test_a_record_that_others_point_at_by_now_is_not_deleted():
    owner = Owner.objects.create(name="o")
    entry = newest()
    Nulled.objects.create(owner=owner)
    assert "no part of this" in " ".join(plan_undo(entry).problems)
    Nulled.objects.all().delete()
    Unseen.objects.create(name="u", owner=owner)
    assert "no part of this" in " ".join(plan_undo(entry).problems)
    Unseen.objects.all().delete()
    undo(entry)
    assert not Owner.objects.exists()


def test_a_record_that_others_name_by_type_and_id_is_not_deleted():
    article = Article.objects.create(title="a")
    entry = newest()
    comment = article.comments.create(text="c")
    assert "no part of this" in " ".join(plan_undo(entry).problems)
    comment.delete()
    undo(entry)
    assert not Article.objects.exists()


def test_more_than_the_limit_is_refused(sync_settings):
    sync_settings(HISTORY_UNDO_ROWS=3)
    Stock.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(4))
    with pytest.raises(RestoreError, match="more than 3"):
        plan_undo(newest())
    sync_settings(HISTORY_UNDO_ROWS=4)
    assert len(plan_undo(newest()).steps) == 4


def test_what_only_found_records_is_not_undone(unregister, register):
    unregister(Stock)
    Stock.objects.create(sku="bolt", warehouse="n")
    register(Stock)
    list(backfill(Stock, connection.alias))
    with pytest.raises(RestoreError, match="changed no record"):
        plan_undo(newest())


def test_what_removed_values_from_the_history_is_not_undone():
    stock = Stock.objects.create(sku="bolt", warehouse="n")
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"])
    with pytest.raises(RestoreError, match="gone for good"):
        plan_undo(newest())


def test_what_was_pruned_is_no_longer_known():
    Stock.objects.create(sku="bolt", warehouse="n")
    Stock.objects.update(quantity=5)
    entry = newest()
    with log_maintenance():
        SyncLog.objects.filter(seq__lt=entry.seq).delete()
    assert "not in the log any more" in " ".join(plan_undo(entry).problems)


def test_of_a_transaction_that_was_pruned_in_part_nothing_is_undone(sync_settings):
    sync_settings(HISTORY_UNDO_ROWS=2)
    with transaction.atomic():
        for number in range(7):
            Stock.objects.create(sku=str(number), warehouse="n")
    entry = newest()
    with log_maintenance():
        SyncLog.objects.filter(seq__gt=entry.seq - 6, seq__lt=entry.seq).delete()
    with pytest.raises(RestoreError, match="not in the log any more"):
        plan_undo(entry)


def test_of_a_transaction_that_was_pruned_meanwhile_nothing_is_undone():
    Stock.objects.create(sku="bolt", warehouse="n")
    entry = newest()
    with log_maintenance():
        SyncLog.objects.filter(pk=entry.pk).delete()
    with pytest.raises(RestoreError, match="not in the log any more"):
        plan_undo(entry)


def test_a_value_that_cannot_be_taken_back_keeps_all_from_being_undone():
    stock = Stock.objects.create(sku="bolt", warehouse="n")
    Stock.objects.update(sku="nut", quantity=5)
    entry = newest()
    sync.redact(stock, ["sku"], keep=True)
    plan = plan_undo(entry)
    assert "Its value was removed from the history." in " ".join(plan.problems)
    assert not plan.is_applicable


def test_a_field_that_may_not_be_changed_keeps_all_from_being_undone():
    Stock.objects.create(sku="bolt", warehouse="n")
    Stock.objects.update(sku="nut", quantity=5)
    plan = plan_undo(newest(), rights=Limited(read_only=["sku"]))
    assert "not change it" in " ".join(plan.problems)


def test_times_of_saving_and_computed_columns_keep_nothing_from_being_undone():
    Stamped.objects.create(name="a")
    Line.objects.create(price=2)
    with transaction.atomic():
        for made, name, value in (
            (Stamped.objects.get(), "name", "b"),
            (Line.objects.get(), "price", 3),
        ):
            setattr(made, name, value)
            made.save()
    undo(newest())
    assert (Stamped.objects.get().name, Line.objects.get().total) == ("a", 2)


def test_tables_that_are_not_recorded_any_more_keep_it_from_being_undone(unregister):
    Stock.objects.create(sku="bolt", warehouse="n")
    entry = newest()
    unregister(Stock)
    assert "not recorded any more" in " ".join(plan_undo(entry).problems)


def test_what_is_unique_may_change_hands():
    one, other = Team.objects.create(name="a"), Team.objects.create(name="b")
    with transaction.atomic():
        one.delete()
        other.name = "a"
        other.save()
    undo(newest())
    assert sorted(Team.objects.values_list("name", flat=True)) == ["a", "b"]


def test_records_that_moved_to_another_audience_move_back(red, blue):
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(team=blue)
    undo(last_entry(Memo, "update"))
    assert Memo.objects.get().team == red


class Limited:
    """Rights that leave out an action, a model or a field."""

    def __init__(self, hidden=None, denied=(), read_only=()):
        self.hidden, self.denied, self.unchanging = hidden, denied, read_only

    def may_see(self, model):
        return model is not self.hidden

    def may(self, action, model, instance):
        return model is not self.hidden and (action, model) not in self.denied

    def read_only(self, model, instance):
        return self.unchanging

    def look_at(self, model, instances):
        pass


def test_who_may_not_change_all_of_it_undoes_nothing(former):
    with transaction.atomic():
        write_all_kinds()
    entry = newest()
    plan = plan_undo(entry, rights=Limited(denied=[("delete", Stock)]))
    assert (plan.is_applicable, "stocks" in " ".join(plan.problems)) == (False, True)
    plan = plan_undo(entry, rights=Limited(hidden=Stock))
    assert "may not see" in " ".join(plan.problems)
    assert "stock" not in " ".join(plan.problems)


def test_the_statements_do_not_grow_with_the_records(django_assert_max_num_queries):
    Stock.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(60))
    Stock.objects.update(quantity=1)
    entry = newest()
    with django_assert_max_num_queries(15):
        assert len(plan_undo(entry).steps) == 60
