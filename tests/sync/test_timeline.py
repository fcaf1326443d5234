"""A record's history step by step: what each entry made different, told once, newest first."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sync
from sync.history import Redacted, differences
from sync.models import SyncLog
from sync.publishing import publish
from sync.timeline import steps
from tests.sync.commits import undone_commits
from tests.sync.drawn_writes import STEPS
from tests.sync.observing import Statements, name_of
from tests.testapp.models import Memo, Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)


def history_of(*instances, limit=100, before=None):
    """Return the steps of records as they are told after publishing."""
    publish()
    records = [(one._meta.db_table, name_of(one)) for one in instances]
    return steps("default", records, limit, before)


def told(found):
    """Return what the steps say: the action, and the changed fields before and after."""
    return [
        (step.entry.action, {row.name: (row.before, row.after) for row in step.changed})
        for step in found
    ]


def test_every_entry_is_told_with_what_it_changed_newest_first():
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=3)
    Stock.objects.update(quantity=4)
    Stock.objects.update(sku="b", quantity=5)
    assert told(history_of(stock)) == [
        ("update", {"quantity": (4, 5), "sku": ("a", "b")}),
        ("update", {"quantity": (3, 4)}),
        ("insert", {"id": (None, stock.pk), "sku": (None, "a"), "warehouse": (None, "n"),
                    "quantity": (None, 3)}),
    ]  # fmt: skip


def test_a_page_knows_what_its_last_step_changed():
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=3)
    for quantity in (4, 5, 6):
        Stock.objects.update(quantity=quantity)
    first = history_of(stock, limit=2)
    assert told(first) == [("update", {"quantity": (5, 6)}), ("update", {"quantity": (4, 5)})]
    second = history_of(stock, limit=2, before=first[-1].entry.seq)
    assert told(second)[0] == ("update", {"quantity": (3, 4)})
    assert [step.entry.action for step in second] == ["update", "insert"]
    assert history_of(stock, limit=2, before=second[-1].entry.seq) == []


def test_several_records_are_told_in_the_order_of_the_log():
    a, b = Owner.objects.create(name="a"), Owner.objects.create(name="b")
    Owner.objects.filter(pk=a.pk).update(name="c")
    Owner.objects.filter(pk=b.pk).update(name="d")
    assert told(history_of(a, b))[:2] == [
        ("update", {"name": ("b", "d")}), ("update", {"name": ("a", "c")}),
    ]  # fmt: skip


def test_a_record_that_moves_is_told_in_one_step(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    moved, made = history_of(memo)
    assert (moved.entry.action, moved.left, moved.entry.audience) == (
        "update", f"team:{red.pk}", f"team:{blue.pk}",
    )  # fmt: skip
    assert (made.entry.action, made.left) == ("insert", "")
    assert SyncLog.objects.filter(table="testapp_memo", action="delete").count() == 1


def test_a_record_that_moves_and_goes_in_one_transaction_left_once(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    publish()
    pk = memo.pk
    with transaction.atomic():
        memo.team = blue
        memo.save()
        memo.delete()
    memo.pk = pk
    found = history_of(memo)
    assert [step.entry.action for step in found] == ["delete", "update", "insert"]
    assert [step.left for step in found] == [f"team:{red.pk}", "", ""]


def test_another_record_that_moves_just_before_is_not_mistaken_for_it(red, blue):
    a, b = (Memo.objects.create(team=red, text=text) for text in "ab")
    Memo.objects.update(team=blue)
    assert [step.left for step in history_of(b)] == [f"team:{red.pk}", ""]
    assert [step.left for step in history_of(a)] == [f"team:{red.pk}", ""]


def test_what_was_removed_is_told_to_be_with_its_reason():
    stock = Stock.objects.create(sku="a", warehouse="n")
    other = Stock.objects.create(sku="b", warehouse="s")
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"], reason="asked")
    sync.redact(other, ["sku"], reason="lawsuit")
    values = {
        (step.entry.record_id, row.after)
        for step in history_of(stock, other)
        for row in step.differences
        if row.name == "sku"
    }
    assert values == {
        (str(stock.pk), Redacted("asked")), (str(other.pk), Redacted("lawsuit")),
    }  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(2, 6))
def test_a_step_tells_what_the_entry_alone_tells(data, length):
    with undone_commits() as commit:
        for _ in range(length):
            data.draw(st.sampled_from(STEPS))(data.draw)
            commit()
        publish()
        records = set(SyncLog.objects.values_list("table", "record_id"))
        found = steps("default", sorted(records), 60)
        assert len(found) == min(60, SyncLog.objects.published().exclude(cause="moved").count())
        for step in found:
            assert step.differences == differences(step.entry)


def test_a_long_history_costs_as_many_statements_as_a_short_one():
    stock = Stock.objects.create(sku="a", warehouse="n")
    for quantity in range(1, 40):
        Stock.objects.update(quantity=quantity)
    publish()
    with Statements() as short:
        assert len(history_of(stock, limit=2)) == 2
    with Statements() as long:
        assert len(history_of(stock, limit=30)) == 30
    assert len(long) == len(short) <= 7
