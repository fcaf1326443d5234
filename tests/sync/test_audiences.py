"""Who hears a record: templates, callables, and what is refused."""

from __future__ import annotations

import pytest
from django.db import transaction

import sync
from sync.errors import CaptureError, RegistrationError
from sync.publishing import publish
from tests.sync.observing import recorded
from tests.sync.wire import changes_in, live_frames
from tests.testapp.models import (
    Memo,
)


@pytest.mark.parametrize("template", ["team:{}", "team:{team}", "team:{team_id.name}", "{0}"])
def test_an_audience_of_something_that_is_no_column_is_refused(unregister, template):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="testapp.Memo has no column"):
        sync.register(Memo, audience=template)


@pytest.mark.parametrize("template", ["team:{team_id", "}", "{"])
def test_an_audience_that_is_no_template_is_refused(unregister, template):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="audience"):
        sync.register(Memo, audience=template)


def test_an_empty_audience_is_refused(unregister):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="the audience is empty"):
        sync.register(Memo, audience="")


def audience_of(make):
    with recorded() as entries:
        make()
    return entries[-1].audience


@pytest.mark.django_db
def test_an_audience_is_made_of_columns(register, red):
    register(Memo, audience="team:{team_id}/{text}")
    made = audience_of(lambda: Memo.objects.create(team=red, text="a b"))
    assert made == f"team:{red.pk}/a b"


@pytest.mark.django_db
def test_an_audience_may_be_made_of_columns_that_do_not_sync(register, red):
    register(Memo, audience="team:{team_id}", exclude=["team"])
    with recorded() as entries:
        Memo.objects.create(team=red, text="a")
    assert entries[0].audience == f"team:{red.pk}"
    assert entries[0].values.keys() == {"id", "text"}


@pytest.mark.django_db
def test_an_audience_may_be_asked_of_the_record(register, red):
    register(Memo, audience=lambda memo: f"named:{memo.team.name}", exclude=["text"])
    assert audience_of(lambda: Memo.objects.create(team=red, text="a")) == "named:red"
    assert audience_of(lambda: Memo.objects.update(text="b")) == "named:red"
    assert audience_of(lambda: Memo.objects.all().delete()) == "named:red"


@pytest.mark.django_db
def test_the_audience_of_a_record_read_in_part_sees_all_of_it(register, red):
    register(Memo, audience=lambda memo: f"{memo.text}/{memo.team_id}")
    Memo.objects.create(team=red, text="a")
    partial = Memo.objects.only("text").get()
    partial.text = "b"
    assert audience_of(partial.save) == f"b/{red.pk}"


@pytest.mark.django_db
@pytest.mark.parametrize("audience", ["", "x" * 256])
def test_a_record_whose_audience_cannot_be_stored_is_not_written(register, red, audience):
    register(Memo, audience=lambda memo: audience)
    with pytest.raises(CaptureError, match="1 to 255"):
        Memo.objects.create(team=red, text="a")


@pytest.mark.django_db(transaction=True)
def test_what_other_rows_say_of_an_audience_counts_once_the_records_are_recorded_anew(
    register, red, blue
):
    register(Memo, audience=lambda memo: f"named:{memo.team.name}")
    moved = Memo.objects.create(team=red, text="a")
    Memo.objects.create(team=blue, text="b")
    start = publish()
    red.name = "green"
    red.save()
    publish()
    assert live_frames(start, ["named:red", "named:green"]) == []
    with transaction.atomic():
        red.name = "yellow"
        red.save()
        sync.record(Memo, Memo.objects.filter(team=red))
    publish()
    told = changes_in(live_frames(start, ["named:red", "named:yellow", "named:blue"]))
    assert [(c["recordId"], c["action"], c["audience"]) for c in told] == [
        (str(moved.pk), "delete", "named:red"), (str(moved.pk), "insert", "named:yellow"),
    ]  # fmt: skip
