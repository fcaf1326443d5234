"""The name under which clients hear a change."""

from __future__ import annotations

import pytest

from sync.publishing import publish
from tests.sync.observing import published
from tests.testapp.models import CascadedDeeper, Line, Memo, Owner, QuietPlace, Unseen

pytestmark = pytest.mark.django_db


def test_an_event_tells_what_happened_to_what():
    line = Line.objects.create(price=1)
    Line.objects.update(price=2)
    Line.objects.update(status="done", price=3)
    Line.objects.update(price=4)
    line.delete()
    publish()
    assert [entry.event for entry in published()] == [
        "line.created", "line.updated", "line.statusChanged", "line.updated", "line.deleted",
    ]  # fmt: skip


def test_an_event_for_any_change_stands_for_all_of_them(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    Memo.objects.update(text="b")
    publish()
    Memo.objects.update(team=blue)
    publish()
    memo.delete()
    publish()
    events = {entry.event for entry in published() if entry.table == "testapp_memo"}
    assert events == {"memo.changed"}


def test_the_event_of_a_two_word_model_starts_with_a_small_letter():
    QuietPlace.objects.create(name="a")
    parent = Owner.objects.create(name="a").cascaded_set.create()
    CascadedDeeper.objects.create(parent=parent)
    publish()
    assert [entry.event for entry in published()] == [
        "place.created", "owner.created", "cascaded.created", "cascadedDeeper.created",
    ]  # fmt: skip


def test_a_change_of_a_model_that_is_registered_no_more_is_published(register, unregister):
    register(Unseen)
    Unseen.objects.create(name="a")
    unregister(Unseen)
    publish()
    assert [entry.event for entry in published()] == ["testapp_unseen.created"]
