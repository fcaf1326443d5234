"""A client that was away gets what it missed: pages, their limits, and what they leave out."""

from __future__ import annotations

import pytest
from django.db import transaction

from sync import filling
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.state import database_state
from tests.sync.observing import Statements, applied
from tests.sync.paging import EVERYONE, changes_of, from_client, names, owners, pages, together
from tests.testapp.models import Memo, Owner, Stock, Team, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_log_gives_an_empty_snapshot():
    page = changes_since(None, EVERYONE)
    assert (page.changes, page.has_more, page.reset, page.position.seq) == ([], False, False, 0)
    assert not changes_since(from_client(page.position), EVERYONE).reset


def test_a_snapshot_holds_every_record_once_and_no_deleted_one():
    a, b, c = owners(3)
    a.save()
    Owner.objects.filter(pk=b.pk).update(name="new")
    c.delete()
    page = changes_since(None, EVERYONE)
    assert names(page) == ["0", "new"]
    assert applied({}, page.changes) == database_state()
    assert (page.has_more, page.reset) == (False, False)


@pytest.mark.parametrize("read", [1, 3])
def test_a_page_is_one_statement_whether_it_is_the_first_or_another(read):
    owners(5)
    start, end = changes_since(None, EVERYONE, limit=read).position, publish()
    with Statements() as asked:
        page = changes_since(from_client(start), EVERYONE, upto=end)
    assert names(page) == [str(number) for number in range(read, 5)]
    assert len(asked) == 1


def test_what_waits_to_be_published_is_read_too():
    owners(1)
    assert SyncLog.objects.pending().exists()
    assert names(changes_since(None, EVERYONE)) == ["0"]


def test_a_client_that_was_away_gets_what_it_missed_and_deletes_as_well():
    a, b = owners(2)
    cursor = changes_since(None, EVERYONE).position
    gone = str(a.pk)
    a.delete()
    b.name = "new"
    b.save()
    page = changes_since(from_client(cursor), EVERYONE)
    assert [(entry.record_id, entry.action) for entry in page.changes] == [
        (gone, "delete"), (str(b.pk), "update"),
    ]  # fmt: skip
    assert changes_since(from_client(page.position), EVERYONE).changes == []


def test_a_record_is_read_once_however_often_it_changed():
    [owner] = owners(1)
    cursor = changes_since(None, EVERYONE).position
    for name in "abcabc":
        owner.name = name
        owner.save()
    owner.save()
    page = changes_since(from_client(cursor), EVERYONE)
    assert names(page) == ["c"]


def test_pages_follow_each_other_without_gap_or_repeat():
    owners(7)
    found = pages(limit=3)
    assert [names(page) for page in found] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert [page.has_more for page in found] == [True, True, False]
    assert found[-1].position == publish()


def test_a_page_that_ends_with_the_log_is_the_last():
    owners(4)
    assert [page.has_more for page in pages(limit=2)] == [True, False]
    assert [page.has_more for page in pages(limit=4)] == [False]


def test_a_page_holds_no_more_than_the_host_allows(sync_settings):
    sync_settings(PAGE_LIMIT=2)
    owners(3)
    assert len(changes_since(None, EVERYONE, limit=1000).changes) == 2
    assert len(changes_since(None, EVERYONE).changes) == 2
    assert len(changes_since(None, EVERYONE, limit=1).changes) == 1


def test_a_page_does_not_split_a_transaction():
    owners(2)
    together(3)
    owners(1)
    assert [len(page.changes) for page in pages(limit=4)] == [2, 4]
    assert [len(page.changes) for page in pages(limit=3)] == [2, 3, 1]


def test_a_transaction_larger_than_a_page_is_split_and_comes_whole():
    owners(1)
    together(8)
    owners(1)
    found = pages(limit=3)
    assert [len(page.changes) for page in found] == [1, 3, 3, 3]
    assert applied({}, changes_of(found)) == database_state()


def test_the_rest_of_a_split_transaction_does_not_split_the_next_one():
    together(4)
    together(3)
    assert [len(page.changes) for page in pages(limit=3)] == [3, 1, 3]


def test_a_page_holds_no_more_bytes_than_the_host_allows(sync_settings):
    for size in (1, 100, 1, 1, 100, 100, 1, 1, 1, 50):
        Ticket.objects.create(subject="x" * size)
    each = max(len(entry.data) for entry in SyncLog.objects.all()) + filling.OVERHEAD
    sync_settings(PAGE_BYTES=3 * each)
    found = pages()
    sizes = [sum(len(entry.data) + filling.OVERHEAD for entry in page.changes) for page in found]
    assert all(size <= 3 * each for size in sizes)
    assert all(len(page.changes) >= 3 for page in found[:-1])
    assert applied({}, changes_of(found)) == database_state()


def test_a_change_larger_than_a_page_comes_alone(sync_settings):
    owners(3)
    sync_settings(PAGE_BYTES=1)
    assert [len(page.changes) for page in pages()] == [1, 1, 1]


def test_where_two_commits_share_their_id_nothing_is_skipped():
    """Which happens where a host commits by itself instead of by `atomic`."""
    together(2)
    [shared] = {entry.transaction for entry in SyncLog.objects.all()}
    Owner.objects.create(name="between")
    publish()
    together(3)
    with log_maintenance():
        SyncLog.objects.pending().update(transaction=shared)
    found = pages(limit=4)
    assert [entry.values["name"] for entry in changes_of(found)] == [
        "0",
        "1",
        "between",
        "0",
        "1",
        "2",
    ]


def test_only_what_the_audiences_hear_is_read(red, blue):
    for team, text in ((red, "a"), (blue, "b"), (red, "c")):
        Memo.objects.create(team=team, text=text)

    def texts(*audiences):
        return [entry.values.get("text") for entry in changes_since(None, audiences).changes]

    assert texts(f"team:{red.pk}") == ["a", "c"]
    assert texts(f"team:{blue.pk}") == ["b"]
    assert texts(f"team:{red.pk}", f"team:{blue.pk}", f"team:{red.pk}") == ["a", "b", "c"]
    assert texts() == []
    assert texts("team:0") == []


def test_the_position_leads_past_what_others_hear(red):
    Memo.objects.create(team=red, text="a")
    page = changes_since(None, ["nobody"])
    assert page.position == publish()
    assert page.position.seq == 2


def test_a_record_that_leaves_an_audience_is_to_be_forgotten(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    cursor = changes_since(None, EVERYONE).position
    Memo.objects.update(team=blue)
    [left] = changes_since(cursor, [f"team:{red.pk}"]).changes
    assert (left.action, left.cause, left.record_id) == ("delete", "moved", str(memo.pk))
    [came] = changes_since(cursor, [f"team:{blue.pk}"]).changes
    assert (came.action, came.values["text"]) == ("update", "a")
    both = changes_since(cursor, [f"team:{red.pk}", f"team:{blue.pk}"]).changes
    assert [entry.action for entry in both] == ["update"], "who hears both keeps the record"


def test_who_asks_for_a_part_of_what_it_hears_keeps_what_another_part_gave(red, blue):
    asked, heard = [f"team:{red.pk}"], [f"team:{red.pk}", f"team:{blue.pk}"]
    memo = Memo.objects.create(team=red, text="a")
    cursor = changes_since(None, heard).position
    Memo.objects.update(team=blue)
    assert changes_since(cursor, asked, heard=heard).changes == []
    [left] = changes_since(cursor, asked).changes
    assert left.cause == "moved"
    assert changes_since(cursor, asked, heard=heard, tables=["testapp_memo"]).changes == []
    key = memo.pk
    memo.delete()
    Memo.objects.create(pk=key, team=red, text="b")
    Memo.objects.all().delete()
    Memo.objects.create(pk=key, team=blue, text="c")
    assert changes_since(cursor, asked, heard=heard).changes == []
    [gone] = changes_since(cursor, asked).changes
    assert (gone.action, gone.cause) == ("delete", "")


def test_what_is_heard_besides_is_not_told(red, blue):
    Memo.objects.create(team=blue, text="a")
    heard = [f"team:{red.pk}", f"team:{blue.pk}"]
    assert changes_since(None, [f"team:{red.pk}"], heard=heard).changes == []


def test_a_move_is_told_where_the_page_does_not_have_what_became_of_the_record(red, blue):
    """By the time of the next page the other audience may have been lost."""
    memo = Memo.objects.create(team=red, text="a")
    cursor = changes_since(None, EVERYONE).position
    Memo.objects.update(team=blue)
    Memo.objects.update(text="b")
    both = [f"team:{red.pk}", f"team:{blue.pk}"]
    page = changes_since(cursor, both, limit=1)
    assert [(entry.action, entry.record_id) for entry in page.changes] == [("delete", str(memo.pk))]
    page = changes_since(page.position, both, limit=1)
    assert [(entry.action, entry.values["text"]) for entry in page.changes] == [("update", "b")]


def test_a_move_does_not_take_away_what_was_sent_already(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    cursor = changes_since(None, EVERYONE).position
    Memo.objects.update(team=blue)
    reds, blues = [f"team:{red.pk}"], [f"team:{blue.pk}"]
    assert changes_since(cursor, reds, heard=[*reds, *blues]).changes == []
    memo.delete()
    [gone] = changes_since(cursor, reds, heard=[*reds, *blues]).changes
    assert (gone.action, gone.cause) == ("delete", "moved"), "no snapshot of blue has it"


def test_what_left_an_audience_is_not_in_its_snapshot(red, blue):
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(team=blue)
    assert changes_since(None, [f"team:{red.pk}"]).changes == []


def test_only_the_tables_asked_for_are_read(red):
    Owner.objects.create(name="a")
    Stock.objects.create(sku="a", warehouse="n")

    def tables(*asked):
        page = changes_since(None, EVERYONE, tables=asked)
        return [entry.table for entry in page.changes]

    assert tables("testapp_stock") == ["testapp_stock"]
    assert tables("testapp_stock", "testapp_owner", "nothing") == ["testapp_owner", "testapp_stock"]
    assert tables() == []


def test_pages_up_to_a_position_end_there():
    owners(2)
    upto = publish()
    owners(2)
    found = pages(limit=1, upto=upto)
    assert [len(page.changes) for page in found] == [1, 1]
    assert found[-1].position == upto
    assert SyncLog.objects.pending().count() == 2


def test_a_record_deleted_between_two_pages_of_a_snapshot_is_taken_back():
    one, *_ = owners(4)
    first = changes_since(None, EVERYONE, limit=2)
    one.delete()
    rest = pages(first.position, limit=2)
    changes = first.changes + changes_of(rest)
    assert applied({}, changes) == database_state()


def test_reading_inside_a_transaction_locks_no_head_and_numbers_nothing():
    with transaction.atomic():
        Team.objects.create(name="a")
        page = changes_since(None, EVERYONE)
        assert SyncLog.objects.pending().count() == 1
    assert names(page) == []
    assert names(changes_since(from_client(page.position), EVERYONE)) == ["a"]
