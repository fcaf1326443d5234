"""The latest entries of records are found by any name, in the order of publishing."""

from __future__ import annotations

import uuid

import pytest

from sync.holders import latest_entries
from sync.models import Newest, SyncLog

pytestmark = pytest.mark.django_db

COLUMNS = ("seq", "audience")
ODD_NAMES = ["1", 'a"b', "it's", "100%", "%s", "back\\slash", '["x",1]', "ä€😀", "line\nend", ""]


def entry(record_id, seq, audience="everyone", table="task"):
    return SyncLog(
        seq=seq,
        table=table,
        record_id=record_id,
        action="update",
        data="{}",
        audience=audience,
        transaction=uuid.UUID(int=1),
        source="shell",
    )


def store(*entries):
    """Store entries that are the newest."""
    SyncLog.objects.bulk_create(entries)
    Newest.objects.bulk_create(
        Newest(
            seq=one.seq,
            entry_id=SyncLog.objects.get(seq=one.seq).pk,
            table=one.table,
            record_id=one.record_id,
            audience=one.audience,
            action=one.action,
        )
        for one in entries
    )


def latest(*records):
    return [tuple(row) for row in latest_entries("default", set(records), COLUMNS)]


def test_every_name_finds_its_own_record():
    store(*(entry(name, number) for number, name in enumerate(ODD_NAMES, start=1)))
    for number, name in enumerate(ODD_NAMES, start=1):
        assert latest(("task", name)) == [("task", name, number, "everyone")]


def test_entries_of_several_records_come_in_the_order_of_publishing():
    store(
        entry("2", 1, "red"),
        entry("1", 2),
        entry("2", 3, "blue"),
        entry("1", 4, table="project"),
        entry("3", 6),
    )
    SyncLog.objects.bulk_create([entry("2", 5, "red"), entry("1", None)])
    found = latest(("task", "1"), ("task", "2"), ("project", "1"), ("project", "9"))
    assert sorted(found) == [
        ("project", "1", 4, "everyone"),
        ("task", "1", 2, "everyone"),
        ("task", "2", 1, "red"),
        ("task", "2", 3, "blue"),
    ]
    assert [row[2] for row in found if row[:2] == ("task", "2")] == [1, 3]


def test_nothing_is_found_for_nothing():
    assert latest() == []
