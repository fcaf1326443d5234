"""What a new entry does to the earlier ones of its record, and who no longer hears of it."""

from __future__ import annotations

import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_save

from sync import allow_raw_sql, redact
from sync.models import REDACTED, SyncLog
from sync.publishing import publish
from tests.support.emptying import empty_log
from tests.sync.observing import pending, published
from tests.testapp.models import Memo, Owner, Stock

# Each write commits, and so is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


A = uuid.UUID(int=1)


def raw_sql(sql):
    with allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute(sql)


def in_order():
    return [(entry.record_id, entry.action, entry.audience) for entry in published()]


def test_an_update_names_the_fields_it_changed():
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=1)
    Stock.objects.update(quantity=2)
    Stock.objects.update(sku="b", warehouse="s")
    stock.delete()
    publish()
    assert [entry.changed_names for entry in published()] == [
        None, ["quantity"], ["sku", "warehouse"], None,
    ]  # fmt: skip


def test_the_changed_fields_are_the_same_however_often_is_published():
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=1)
    for quantity in (2, 3):
        publish()
        stock.quantity = quantity
        stock.save()
    publish()
    assert [entry.changed_names for entry in published()] == [None, ["quantity"], ["quantity"]]


def test_only_the_newest_entry_of_a_record_is_the_latest():
    one, other = Owner.objects.create(name="a"), Owner.objects.create(name="b")
    publish()
    one.name = "c"
    one.save()
    one.name = "d"
    one.save()
    publish()
    latest = [entry for entry in published() if entry.latest]
    assert [(entry.record_id, entry.values["name"]) for entry in latest] == [
        (str(other.pk), "b"), (str(one.pk), "d"),
    ]  # fmt: skip


@pytest.mark.parametrize("between", [publish, lambda: None])
def test_an_update_that_changed_nothing_is_not_kept(between):
    owner = Owner.objects.create(name="a")
    between()
    owner.save()
    between()
    owner.save()
    end = publish()
    assert [(entry.action, entry.latest) for entry in published()] == [("insert", True)]
    assert (end.seq, SyncLog.objects.count()) == (1, 1)
    owner.save()
    assert publish() == end


def test_saves_that_changed_nothing_are_kept_for_one_model_or_for_all(register, sync_settings):
    def kept():
        empty_log()
        Owner.objects.create(name="a").save()
        publish()
        return len(published())

    assert kept() == 1
    register(Owner, keep_unchanged=True)
    assert kept() == 2
    register(Owner)
    sync_settings(KEEP_UNCHANGED=True)
    assert kept() == 2
    register(Owner, keep_unchanged=False)
    assert kept() == 1


@pytest.mark.parametrize("between", [publish, lambda: None])
def test_an_update_that_changed_nothing_is_no_event_and_not_the_latest(between, register):
    register(Owner, keep_unchanged=True)
    owner = Owner.objects.create(name="a")
    between()
    owner.save()
    between()
    owner.save()
    publish()
    made, *unchanged = published()
    assert [entry.is_unchanged for entry in unchanged] == [True, True]
    assert [(entry.changed_names, entry.event) for entry in unchanged] == [([], ""), ([], "")]
    assert [entry.latest for entry in unchanged] == [False, False]
    assert made.latest
    assert not made.is_unchanged


def test_an_update_of_a_record_the_log_does_not_know_is_an_event():
    pending("7", A)
    publish()
    [entry] = published()
    assert (entry.changed, entry.event, entry.latest) == (None, "owner.updated", True)


def test_a_record_that_moves_is_deleted_for_the_audience_it_left(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    publish()
    Memo.objects.update(team=blue)
    before = SyncLog.objects.get(table="testapp_memo", seq=None)
    publish()
    made, left, came = [entry for entry in published() if entry.table == "testapp_memo"]
    assert (left.action, left.cause, left.audience) == ("delete", "moved", f"team:{red.pk}")
    assert (left.record_id, left.values, left.changed) == (str(memo.pk), {}, None)
    assert (left.transaction, left.source) == (came.transaction, came.source)
    assert (came.pk, came.action, came.audience) == (before.pk, "update", f"team:{blue.pk}")
    # The history says what happened; clients are told of it as an insert.
    assert (came.changed_names, came.cause) == (["team_id"], "arrived")
    assert came.is_new_to_audience
    assert [entry.latest for entry in (made, left, came)] == [False, True, True]
    assert left.seq + 1 == came.seq


def test_the_entry_of_a_move_is_announced(red, blue):
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(team=blue)
    heard = []

    def hear(instance, **kwargs):
        heard.append((instance.cause, instance.seq))

    post_save.connect(hear, sender=SyncLog)
    try:
        publish()
    finally:
        post_save.disconnect(hear, sender=SyncLog)
    assert heard == [("moved", 4)]


@pytest.mark.parametrize("between", [publish, lambda: None])
def test_a_record_that_moves_there_and_back_is_where_it_is(red, blue, between):
    memo = Memo.objects.create(team=red, text="a")
    for team in (blue, red, blue, red):
        between()
        Memo.objects.update(team=team)
    publish()
    latest = [entry for entry in published() if entry.latest and entry.table == "testapp_memo"]
    assert [(entry.action, entry.audience) for entry in latest] == [
        ("delete", f"team:{blue.pk}"), ("update", f"team:{red.pk}"),
    ]  # fmt: skip
    assert {entry.record_id for entry in latest} == {str(memo.pk)}


@pytest.mark.parametrize("between", [publish, lambda: None])
def test_a_record_that_moved_and_is_deleted_is_gone_for_everybody(red, blue, between):
    memo = Memo.objects.create(team=red, text="a")
    between()
    Memo.objects.update(team=blue)
    between()
    memo.delete()
    publish()
    latest = [entry for entry in published() if entry.latest and entry.table == "testapp_memo"]
    assert [(entry.action, entry.cause, entry.audience) for entry in latest] == [
        ("delete", "moved", f"team:{red.pk}"), ("delete", "", f"team:{blue.pk}"),
    ]  # fmt: skip
    assert latest[1].values["text"] == "a"


def test_an_audience_that_changes_without_a_field_is_a_move(register, red):
    audience = ["one"]
    register(Memo, audience=lambda memo: audience[0])
    memo = Memo.objects.create(team=red, text="a")
    audience[0] = "other"
    memo.save()
    publish()
    assert in_order()[1:] == [
        (str(memo.pk), "insert", "one"),
        (str(memo.pk), "delete", "one"),
        (str(memo.pk), "update", "other"),
    ]
    assert published()[-1].event == "memo.updated"


@pytest.mark.parametrize("between", [publish, lambda: None])
def test_a_record_that_is_deleted_and_made_again_is_a_new_one(between):
    Owner.objects.create(pk=7, name="a").delete()
    between()
    Owner.objects.create(pk=7, name="a")
    publish()
    *_, gone, made = published()
    assert (gone.action, gone.latest) == ("delete", False)
    assert (made.action, made.latest, made.changed) == ("insert", True, None)
    assert made.event == "owner.created"


def test_a_record_that_is_made_again_elsewhere_does_not_move(red, blue):
    Memo.objects.create(pk=7, team=red, text="a").delete()
    Memo.objects.create(pk=7, team=blue, text="a")
    publish()
    memos = [entry for entry in published() if entry.table == "testapp_memo"]
    assert [entry.cause for entry in memos] == ["", "", ""]
    assert [entry.action for entry in memos if entry.latest] == ["delete", "insert"]


def test_a_move_that_the_log_did_not_see_is_told_with_what_is_recorded_next(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    raw_sql(f"UPDATE testapp_memo SET team_id = {blue.pk}")
    Memo.objects.update(text="b")
    publish()
    _, left, came = [entry for entry in published() if entry.table == "testapp_memo"]
    assert (left.cause, left.audience) == ("moved", f"team:{red.pk}")
    assert (came.cause, came.audience) == ("arrived", f"team:{blue.pk}")
    raw_sql(f"UPDATE testapp_memo SET team_id = {red.pk}")
    memo.delete()
    publish()
    left, gone = published()[-2:]
    assert (left.cause, left.audience, left.data) == ("moved", f"team:{blue.pk}", "")
    # The first team was told that the record has left it: it need not hear what it was.
    assert (gone.action, gone.audience) == ("delete", f"team:{red.pk}")
    assert (gone.is_unchanged, gone.latest) == (True, False)


def test_a_repair_of_a_move_that_the_log_did_not_see_is_a_move(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    raw_sql(f"UPDATE testapp_memo SET team_id = {blue.pk}, text = 'b'")
    call_command("sync_verify", "testapp.Memo", "--repair", stdout=StringIO())
    publish()
    _, left, came = [entry for entry in published() if entry.table == "testapp_memo"]
    assert (left.cause, left.data) == ("moved", "")
    assert (came.cause, came.record_id) == ("arrived", str(memo.pk))


def test_a_redaction_that_finds_the_record_elsewhere_is_new_there(red, blue):
    memo = Memo.objects.create(team=red, text="secret")
    raw_sql(f"UPDATE testapp_memo SET team_id = {blue.pk}, text = ''")
    redact(memo, ["text"])
    publish()
    left, told = published()[-2:]
    assert (left.cause, left.audience) == ("moved", f"team:{red.pk}")
    assert (told.cause, told.audience, told.changed) == (REDACTED, f"team:{blue.pk}", None)
    assert told.is_new_to_audience


def test_a_backfill_beside_a_move_tells_the_record_where_it_is(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    SyncLog._base_manager.filter(table="testapp_memo")._raw_delete("default")
    Memo.objects.update(team=blue)
    call_command("sync_backfill", "testapp.Memo", stdout=StringIO())
    publish()
    [came] = [entry for entry in published() if entry.table == "testapp_memo"]
    assert (came.record_id, came.audience) == (str(memo.pk), f"team:{blue.pk}")
    assert came.is_new_to_audience


def test_a_later_update_names_what_changed_within_its_own_audience_alone(red, blue):
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(team=blue, text="b")
    Memo.objects.update(text="c")
    publish()
    [latest] = [e for e in published() if e.latest and e.audience == f"team:{blue.pk}"]
    assert latest.changed_names == ["text"]


def redaction(entry):
    """Make of a pending entry the one that a redaction adds."""
    SyncLog._base_manager.filter(pk=entry.pk)._raw_delete("default")
    entry.cause, entry.redacted = REDACTED, '["name"]'
    SyncLog._base_manager.bulk_create([entry])


def test_a_redaction_is_heard_though_its_text_is_that_of_the_entry_before():
    pending("7", A, action="insert", data={"id": 7, "name": None})
    redaction(pending("7", A, data={"id": 7, "name": None}))
    publish()
    made, told = published()
    assert (told.changed_names, told.event) == (["name"], "owner.updated")
    assert (made.latest, told.latest) == (False, True)


def test_the_redaction_of_a_record_that_is_gone_is_not_heard():
    pending("7", A, action="delete", data={"id": 7, "name": None})
    redaction(pending("7", A, action="delete", data={"id": 7, "name": None}))
    publish()
    gone, told = published()
    assert (told.is_unchanged, told.latest, gone.latest) == (True, False, True)
