"""A transaction that moves a record: what it leaves is told, what it did meanwhile is history."""

from __future__ import annotations

import pytest
from django.db import transaction

from sync import batches, redact
from sync.publishing import publish
from tests.sync.observing import published
from tests.sync.wire import changes_in, live_frames, page_frames
from tests.testapp.models import Booking, Memo, Owner

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("parts")]


@pytest.fixture(params=[batches.CHUNK, 2, 1], ids=["whole", "in twos", "in ones"])
def parts(request, monkeypatch):
    """Number transactions that are alone in a batch in parts of this size."""
    monkeypatch.setattr(batches, "CHUNK", request.param)


@pytest.fixture
def memo(red):
    return Memo.objects.create(pk=7, team=red, text="first")


class Transaction:
    """Everything written in the block is one transaction; then it is published."""

    def __enter__(self):
        self.start = publish()
        self.block = transaction.atomic()
        self.block.__enter__()
        return self

    def __exit__(self, *exc_info):
        self.block.__exit__(*exc_info)
        publish()

    def told(self, *teams):
        """Return what live clients of these teams were told, by action, cause and text."""
        frames = live_frames(self.start, {f"team:{team.pk}" for team in teams})
        return [
            (change["action"], change.get("cause"), change.get("data", {}).get("text"))
            for change in changes_in(frames)
        ]

    def pages(self, *teams):
        """Return what clients of these teams are told that come back."""
        return page_frames(self.start, {f"team:{team.pk}" for team in teams})


def test_where_a_record_only_was_meanwhile_nobody_hears_of_it(memo, red, blue):
    with Transaction() as done:
        Memo.objects.update(team=blue, text="meanwhile")
        Memo.objects.update(team=red, text="in the end")
    assert done.told(blue) == []
    assert done.told(red) == [("update", None, "in the end")]
    assert "meanwhile" not in "".join(done.pages(red, blue))


def test_a_record_that_went_and_came_back_as_it_was_is_no_news(memo, red, blue):
    with Transaction() as done:
        Memo.objects.update(team=blue)
        Memo.objects.update(team=red)
    assert done.told(red, blue) == []
    assert changes_in(done.pages(red, blue)) == []
    # Neither entry is dropped: without the last the history would end in the other team.
    meanwhile, last = published()[-2:]
    assert (meanwhile.values["team_id"], last.values["team_id"]) == (blue.pk, red.pk)


def test_the_changed_fields_are_those_since_before_the_transaction(memo, red, blue):
    with Transaction() as done:
        Memo.objects.update(team=blue, text="meanwhile")
        Memo.objects.update(team=red)
    [told] = changes_in(live_frames(done.start, {f"team:{red.pk}"}))
    assert told["changed"] == ["text"]
    meanwhile, last = published()[-2:]
    assert meanwhile.changed_names == ["team_id", "text"]
    assert (meanwhile.is_unchanged, meanwhile.latest) == (True, False)
    assert (last.is_unchanged, last.latest) == (False, True)


def test_a_record_that_is_made_and_moved_at_once_is_new_where_it_ends(red, blue):
    with Transaction() as done:
        Memo.objects.create(team=red, text="default")
        Memo.objects.update(team=blue, text="real")
    assert done.told(red) == []
    assert done.told(blue) == [("insert", None, "real")]
    assert changes_in(done.pages(red)) == []


def test_a_record_that_moves_and_is_deleted_at_once_is_gone_from_where_it_was(memo, red, blue):
    with Transaction() as done:
        Memo.objects.update(team=blue, text="meanwhile")
        Memo.objects.all().delete()
    assert done.told(red) == [("delete", "moved", None)]
    assert done.told(blue) == []
    assert "meanwhile" not in "".join(done.pages(red, blue))
    with Transaction() as again:
        Memo.objects.create(pk=7, team=blue, text="another")
    assert again.told(red, blue) == [("insert", None, "another")]


def test_a_record_that_is_made_moved_and_deleted_at_once_never_was(red, blue):
    with Transaction() as done:
        Memo.objects.create(team=red, text="a")
        Memo.objects.update(team=blue)
        Memo.objects.all().delete()
    assert done.told(red, blue) == []
    assert [entry.action for entry in published()[-3:]] == ["insert", "update", "delete"]


def test_a_save_after_the_move_that_changes_nothing_changes_nothing(memo, red, blue):
    with Transaction() as done:
        Memo.objects.update(team=blue, text="meanwhile")
        Memo.objects.update(text="in the end")
        Memo.objects.update(text="in the end")
    assert done.told(red) == [("delete", "moved", None)]
    assert done.told(blue) == [("insert", "arrived", "in the end")]


def test_a_transaction_that_moves_nothing_tells_each_change(memo, red):
    with Transaction() as done:
        Memo.objects.update(text="second")
        Memo.objects.update(text="third")
    assert done.told(red) == [("update", None, "second"), ("update", None, "third")]


def test_records_that_the_transaction_does_not_move_are_told_each_time(memo, red, blue):
    with Transaction() as done:
        other = Memo.objects.create(pk=8, team=red, text="other")
        Memo.objects.filter(pk=7).update(team=blue)
        Memo.objects.filter(pk=7).update(text="moved")
        other.text = "changed"
        other.save()
    assert done.told(red) == [
        ("insert", None, "other"), ("delete", "moved", None), ("update", None, "changed"),
    ]  # fmt: skip


def test_values_removed_while_the_record_was_elsewhere_are_forgotten_where_it_returns(register):
    register(Booking, audience="room:{room}")
    booking = Booking.objects.create(code="a", room="red", note="secret")
    with Transaction() as done:
        Booking.objects.update(room="blue", note=None)
        redact(booking, ["note"])
        Booking.objects.update(room="red")
    # To the log the record is what it was, for the removal has blanked that too.
    [change] = changes_in(live_frames(done.start, {"room:red"}))
    assert (change["action"], change["changed"]) == ("update", ["note"])
    assert change["data"]["note"] is None


def test_two_transactions_of_one_record_are_told_each(memo, red, blue):
    done = Transaction()
    done.start = publish()
    for team, text in ((blue, "second"), (red, "third")):
        with transaction.atomic():
            Memo.objects.update(team=team)
            Memo.objects.update(text=text)
    publish()
    assert done.told(blue) == [("insert", "arrived", "second"), ("delete", "moved", None)]
    assert done.told(red) == [("delete", "moved", None), ("insert", "arrived", "third")]


def test_what_moves_in_a_transaction_does_not_hide_other_tables(memo, red, blue):
    owner = Owner.objects.create(pk=7, name="a")
    with Transaction() as done:
        Memo.objects.update(team=blue)
        owner.name = "b"
        owner.save()
        Memo.objects.update(text="moved")
        owner.name = "c"
        owner.save()
    told = changes_in(live_frames(done.start, {"everyone"}))
    assert [change["data"]["name"] for change in told] == ["b", "c"]
