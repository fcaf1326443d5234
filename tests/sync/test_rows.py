"""Entries read as texts are the entries that the log holds."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import sync
from sync.codec import encode_value
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.reading import changes_since
from sync.rows import Kind, Rows, _texts_of_times
from tests.support.emptying import empty_log
from tests.sync.paging import EVERYONE, owners
from tests.testapp.models import Ticket

FIELDS = ("seq", "record_id", "data", "transaction", "published_at", *Kind._fields)
NOON = datetime.datetime(2026, 1, 31, 12, 0, 0, 7, tzinfo=datetime.UTC)


def assert_read_as_they_are(audiences=EVERYONE):
    page = changes_since(None, audiences)
    assert page.changes
    for found in page.changes:
        entry = SyncLog.objects.get(seq=found.seq)
        assert {name: getattr(found, name) for name in FIELDS} == {
            name: getattr(entry, name) for name in FIELDS
        }
        assert (found.values, found.changed_names) == (entry.values, entry.changed_names)


@pytest.mark.django_db(transaction=True)
@hypothesis_settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
        min_size=1,
        max_size=3,
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
def test_whatever_is_recorded_is_read_as_it_is(subjects, client_id):
    empty_log()
    with sync.context(client_id=client_id):
        for subject in subjects:
            ticket = Ticket.objects.create(subject=subject)
            ticket.subject = "changed"
            ticket.save()
    publish()
    assert_read_as_they_are()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("microsecond", [0, 120000, 7])
def test_a_time_is_read_whole_however_its_text_is_stored(microsecond):
    owners(2)
    publish()
    first = SyncLog.objects.published().order_by("seq").first()
    with log_maintenance():
        at = first.published_at.replace(microsecond=microsecond)
        SyncLog.objects.filter(pk=first.pk).update(published_at=at)
    page = changes_since(None, EVERYONE)
    assert page.rows.published[0] == encode_value(at)
    assert_read_as_they_are()


@pytest.mark.parametrize("as_text", [False, True])
def test_a_time_without_a_zone_is_of_the_zone_of_the_connection(as_text):
    zone = ZoneInfo("Asia/Kolkata")
    naive = NOON.astimezone(zone).replace(tzinfo=None)
    times = [str(naive) if as_text else naive]
    assert _texts_of_times(times, zone) == [encode_value(NOON)]


def test_a_host_without_zones_gets_times_without_one():
    naive = NOON.replace(tzinfo=None)
    assert _texts_of_times([naive], None) == [encode_value(naive)]
    assert _texts_of_times([str(naive)], None) == [encode_value(naive)]


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_of_nobody_and_of_no_table_is_nothing():
    owners(1)
    assert not changes_since(None, []).changes
    assert not changes_since(None, EVERYONE, tables=[]).changes


@pytest.mark.django_db(transaction=True)
def test_thousands_of_audiences_can_be_asked_for():
    owners(1)
    many = [f"team:{number}" for number in range(5000)]
    assert len(changes_since(None, [*EVERYONE, *many]).changes) == 1
    assert len(changes_since(None, EVERYONE, heard=[*EVERYONE, *many]).changes) == 1


def rows(*actions):
    kinds = [Kind("t", action, None, "a", "", "") for action in actions]
    count = len(kinds)
    ids = ["1"] * count
    return Rows(range(1, count + 1), ids, ids, ids, ids, kinds)


@pytest.mark.parametrize(
    ("actions", "stay"),
    [
        (["insert"], [1]),
        (["delete"], [1]),
        (["delete", "insert"], [2]),
        (["update", "delete"], [1, 2]),
        (["delete", "delete", "update", "delete"], [3, 4]),
    ],
)
def test_a_delete_is_left_out_where_a_later_entry_has_what_became_of_the_record(actions, stay):
    assert list(rows(*actions).at_rest().seqs) == stay


def test_rows_of_several_looks_are_one_page():
    both = rows("insert") + rows("update")
    assert (len(both), [kind.action for kind in both.kinds]) == (2, ["insert", "update"])
    assert len(Rows() + rows("insert")) == len(rows("insert") + Rows()) == 1
