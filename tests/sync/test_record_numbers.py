"""The newest numbers of many records come from the index of each, and in the order of the log."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from sync import record_numbers
from sync.models import MOVED
from sync.publishing import publish
from sync.record_numbers import newest_numbers
from tests.sync.observing import Statements, published
from tests.testapp.models import Memo, Owner, Ticket

pytestmark = pytest.mark.django_db

OWNER = Owner._meta.db_table


@pytest.fixture
def written():
    """Change three records in turn; returns them."""
    owners = [Owner.objects.create(name=name) for name in "abc"]
    for name in "de":
        for owner in owners:
            owner.name = name
            owner.save()
    Ticket.objects.create(subject="another table")
    publish()
    return [(OWNER, str(owner.pk)) for owner in owners]


def numbers_of(*records):
    wanted = [entry for entry in published() if (entry.table, entry.record_id) in records]
    return [entry.seq for entry in reversed(wanted)]


def test_the_numbers_of_one_record_come_newest_first(written):
    assert newest_numbers("default", written[:1], 10) == numbers_of(written[0])


def test_the_numbers_of_several_records_are_in_one_order(written):
    assert newest_numbers("default", written[1:], 10) == numbers_of(*written[1:])


def test_no_more_are_returned_than_asked_for(written):
    every = numbers_of(*written)
    assert newest_numbers("default", written, 4) == every[:4]
    assert newest_numbers("default", written, 4, before=every[3]) == every[4:8]
    assert newest_numbers("default", written, 4, before=every[-1]) == []


def test_a_record_that_is_named_twice_is_counted_once(written):
    assert newest_numbers("default", [*written, *written], 100) == numbers_of(*written)


def test_no_records_have_no_numbers(written):
    assert newest_numbers("default", [], 10) == []


def test_many_records_are_read_by_several_statements(written):
    with patch.object(record_numbers, "CHUNK", 2):
        assert newest_numbers("default", written, 5) == numbers_of(*written)[:5]


def test_as_many_records_as_one_statement_takes(written):
    unknown = [(OWNER, f"-{n}") for n in range(record_numbers.CHUNK - 1)]
    with Statements() as statements:
        found = newest_numbers("default", [*unknown, written[2]], 9)
    assert found == numbers_of(written[2])
    assert len(statements) == 1


def test_what_waits_for_its_number_has_none(written):
    Owner.objects.get(pk=written[0][1]).delete()
    assert newest_numbers("default", written[:1], 10) == numbers_of(written[0])


@pytest.mark.django_db(transaction=True)
def test_the_entry_of_an_audience_that_was_left_is_not_counted(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    publish()
    wanted = [one for one in published() if one.table == "testapp_memo" and one.cause != MOVED]
    found = newest_numbers("default", [("testapp_memo", str(memo.pk))], 10)
    assert found == [one.seq for one in reversed(wanted)]
    assert len(found) == 2
