"""The history shows every field before and after a change, and never hides one."""

from __future__ import annotations

import uuid

import pytest

import sync
from sync.history import Difference, Redacted, differences, preceding
from sync.models import SyncLog
from sync.publishing import publish
from tests.sync.observing import recorded
from tests.testapp.models import Account, Everything, Memo, Owner, Stock

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["published", "pending", "published up to the entry"])
def seen(request):
    """Read entries again after publishing all of them, none, or all but the last."""

    def read(entries):
        if request.param == "published":
            publish()
        elif request.param == "published up to the entry":
            last = SyncLog.objects.get(pk=entries[-1].pk)
            SyncLog._base_manager.filter(pk=last.pk).delete()
            publish()
            SyncLog._base_manager.bulk_create([last])
        return [SyncLog.objects.get(pk=entry.pk) for entry in entries]

    return read


def changes_of(entry):
    return {row.name: (row.before, row.after) for row in differences(entry) if row.is_changed}


def test_an_insert_shows_what_came(seen):
    with recorded() as entries:
        stock = Stock.objects.create(sku="a", warehouse="n", quantity=3)
    [made] = seen(entries)
    assert changes_of(made) == {
        "id": (None, stock.pk), "sku": (None, "a"), "warehouse": (None, "n"), "quantity": (None, 3),
    }  # fmt: skip


def test_an_update_shows_the_changed_fields_first_and_the_others_too(seen):
    with recorded() as entries:
        stock = Stock.objects.create(sku="a", warehouse="n", quantity=3)
        stock.quantity, stock.sku = 4, "b"
        stock.save()
    updated = seen(entries)[-1]
    assert differences(updated) == [
        Difference("quantity", 3, 4),
        Difference("sku", "a", "b"),
        Difference("id", stock.pk, stock.pk),
        Difference("warehouse", "n", "n"),
    ]
    assert [row.is_changed for row in differences(updated)] == [True, True, False, False]


def test_a_delete_shows_what_was(seen):
    with recorded() as entries:
        owner = Owner.objects.create(name="a")
        pk = owner.pk
        owner.delete()
    gone = seen(entries)[-1]
    assert changes_of(gone) == {"id": (pk, None), "name": ("a", None)}


def test_an_update_that_changed_nothing_shows_nothing(seen, register):
    register(Owner, keep_unchanged=True)
    with recorded() as entries:
        Owner.objects.create(name="a").save()
    assert changes_of(seen(entries)[-1]) == {}


def test_each_update_is_held_against_the_one_before_it(seen):
    with recorded() as entries:
        owner = Owner.objects.create(name="a")
        Owner.objects.create(name="other")
        for name in "bcd":
            owner.name = name
            owner.save()
    updates = [entry for entry in seen(entries) if entry.action == "update"]
    assert [changes_of(entry) for entry in updates] == [
        {"name": ("a", "b")}, {"name": ("b", "c")}, {"name": ("c", "d")},
    ]  # fmt: skip


def test_a_move_is_told_where_the_record_came_to_and_not_where_it_left(red, blue):
    Memo.objects.create(team=red, text="a")
    publish()
    Memo.objects.update(team=blue)
    publish()
    left, came = SyncLog.objects.filter(table="testapp_memo").order_by("seq")[1:]
    assert changes_of(came) == {"team_id": (red.pk, blue.pk)}
    assert changes_of(left) == {}


def test_a_record_made_again_shows_all_of_it_as_new(seen):
    with recorded() as entries:
        Owner.objects.create(pk=7, name="a").delete()
        Owner.objects.create(pk=7, name="a")
    assert changes_of(seen(entries)[-1]) == {"id": (None, 7), "name": (None, "a")}


def test_a_first_update_shows_all_of_it_as_new(unregister, register):
    unregister(Owner)
    owner = Owner.objects.create(name="a")
    register(Owner)
    with recorded() as entries:
        owner.save()
    [first] = entries
    assert preceding(first) is None
    assert changes_of(first) == {"id": (None, owner.pk), "name": (None, "a")}


@pytest.mark.parametrize(
    ("before", "after"), [({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1.0}), ([0], [False])]
)
def test_values_that_only_python_takes_for_equal_have_changed(seen, before, after):
    with recorded() as entries:
        row = Everything.objects.create(options=before)
        row.options = after
        row.save()
    assert changes_of(seen(entries)[-1]) == {"options": (before, after)}


def stock_history():
    """Make a record, change both texts, clear one and redact it, and return the entries."""
    with recorded() as entries:
        stock = Stock.objects.create(sku="a", warehouse="n")
        Stock.objects.update(sku="b", warehouse="s")
        Stock.objects.update(quantity=4)
        Stock.objects.update(sku="")
        publish()
        sync.redact(stock, ["sku"], reason="forgotten")
        Stock.objects.update(sku="c")
        publish()
    return [SyncLog.objects.get(pk=entry.pk) for entry in entries]


def test_a_removed_value_is_shown_as_removed_and_why():
    gone = Redacted("forgotten")
    made, changed, counted, cleared, redacted, again = map(differences, stock_history())
    shown = [{row.name: row for row in rows}["sku"] for rows in
             (made, changed, counted, cleared, redacted, again)]  # fmt: skip
    assert [(row.before, row.after) for row in shown] == [
        (None, gone), (gone, gone), (gone, gone), (gone, gone), (gone, gone), (gone, "c"),
    ]  # fmt: skip
    assert [row.is_changed for row in shown] == [True, True, False, True, False, True]
    assert str(gone) == "redacted: forgotten"
    assert str(Redacted()) == "redacted"


def test_what_was_not_redacted_is_compared_as_ever():
    _, changed, counted, *_ = stock_history()
    assert changes_of(changed)["warehouse"] == ("n", "s")
    assert changes_of(counted) == {"quantity": (0, 4)}


def test_each_value_is_shown_with_the_reason_of_the_redaction_that_removed_it():
    owner = Owner.objects.create(name="a")
    sync.redact(owner, ["name"], reason="first", keep=True)
    Owner.objects.update(name="b")
    sync.redact(owner, ["name"], reason="second", keep=True)
    publish()
    reasons = [differences(entry)[-1].after for entry in SyncLog.objects.order_by("id")]
    assert reasons == [
        Redacted("first"), Redacted("first"), Redacted("second"), Redacted("second"),
    ]  # fmt: skip


def test_the_redaction_of_a_record_that_is_gone_says_why_and_deletes_nothing():
    pk = Owner.objects.create(name="a").pk
    Owner.objects.all().delete()
    publish()
    sync.redact((Owner, pk), ["name"], reason="forgotten")
    publish()
    made, deleted, redacted = SyncLog.objects.order_by("id")
    gone = Redacted("forgotten")
    assert changes_of(made) == {"id": (None, pk), "name": (None, gone)}
    assert changes_of(deleted) == {"id": (pk, None), "name": (gone, None)}
    assert changes_of(redacted) == {}


def test_a_record_that_is_made_again_is_not_held_against_the_redaction_of_the_former_one():
    pk = Owner.objects.create(name="a").pk
    Owner.objects.all().delete()
    publish()
    Owner.objects.create(pk=pk, name="b")
    note = SyncLog.objects.get(action="delete")
    note.pk, note.seq, note.cause, note.redacted = None, None, "redacted", '["name"]'
    note.transaction = uuid.uuid4()
    SyncLog._base_manager.bulk_create([note])
    publish()
    Owner.objects.update(name="c")
    publish()
    assert changes_of(SyncLog.objects.order_by("id").last()) == {"name": ("b", "c")}


def test_a_blanked_field_is_shown_as_redacted(register):
    register(Account, redact=["name"], exclude=["password", "api_token"])
    with recorded() as entries:
        Account.objects.create(name="a")
        Account.objects.update(name="b")
    publish()
    for entry in entries:
        row = {row.name: row for row in differences(entry)}["name"]
        assert row.after == Redacted()
