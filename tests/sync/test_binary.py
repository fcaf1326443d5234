"""Rows read in the format of the database are those that Django reads."""

from __future__ import annotations

import pytest

from sync import binary
from sync.models import SyncLog
from tests.sync.paging import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_column_of_the_log_is_read_as_django_reads_it():
    together(3)
    for entries in (SyncLog.objects.order_by("pk"), SyncLog.objects.order_by("-pk")[:2]):
        rows = entries.values_list()
        assert [tuple(row) for row in binary.rows_of(rows)] == list(rows)


def test_the_connection_reads_as_before_afterwards():
    together(1)
    before = SyncLog.objects.get().recorded_at
    binary.rows_of(SyncLog.objects.values_list("recorded_at"))
    after = SyncLog.objects.get().recorded_at
    assert (after, after.tzinfo) == (before, before.tzinfo)


@pytest.mark.usefixtures("postgresql_only")
def test_what_is_asked_travels_beside_the_statement():
    from django.db import connection

    text = 'it\'s 100% \\ "quoted"'
    assert [tuple(row) for row in binary.fetch(connection, "SELECT %s::text", [text])] == [(text,)]
