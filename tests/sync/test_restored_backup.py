"""A backup that was restored while nobody said so: who holds what was lost starts anew."""

from __future__ import annotations

import datetime
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection, connections

from sync.cursor import Position
from sync.models import LogHead, Newest, SyncLog, log_maintenance
from sync.publishing import publish
from sync.reading import changes_since, tail
from tests.support.state import database_state
from tests.sync.aging import grow_older, pruned
from tests.sync.observing import applied, published
from tests.sync.paging import EVERYONE, changes_of, from_client, owners, pages, together
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = (Owner, SyncLog, Newest, LogHead)
DAY = datetime.timedelta(days=1)


class Backup:
    """The database as it is now, to be put back: on SQLite its file, elsewhere its rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        publish()
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(self._path)) as copy:
                connection.connection.backup(copy)
        self._rows = [list(model._base_manager.all()) for model in MODELS]

    def restore(self) -> None:
        if connection.vendor == "sqlite":
            self._put_the_file_back()
            return
        with log_maintenance():
            for model in MODELS:
                model._base_manager.all()._raw_delete("default")
            SyncLog._base_manager.all()._raw_delete("default")
            for rows in self._rows:
                type(rows[0])._base_manager.bulk_create(rows)
            SyncLog.objects.pending().delete()  # what putting the owners back has recorded

    def _put_the_file_back(self) -> None:
        name = connection.settings_dict["NAME"]
        connections.close_all()
        for suffix in ("-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._path, name)


@pytest.fixture
def backup(tmp_path):
    owners(3)
    return Backup(tmp_path / "backup.sqlite3")


def assert_starts_anew(start):
    found = pages(from_client(start))
    assert found[0].reset
    assert applied({}, changes_of(found)) == database_state()


def rename(number, name):
    owner = Owner.objects.order_by("pk")[number]
    owner.name = name
    owner.save()


def test_the_file_or_the_rows_are_back(backup):
    end, before = publish(), database_state()
    rename(0, "lost")
    backup.restore()
    assert (publish(), database_state()) == (end, before)


@pytest.mark.parametrize("written_since", [0, 1, 2, 3, 5])
def test_a_cursor_from_the_lost_part_starts_anew_however_far_the_log_has_grown(
    backup, written_since
):
    kept = publish()
    rename(0, "lost")
    together(2)
    lost = publish()
    backup.restore()
    owners(written_since)
    assert_starts_anew(lost)
    page = changes_since(from_client(kept), EVERYONE)
    assert (len(page.changes), page.reset) == (written_since, False)


@pytest.mark.parametrize("written_since", [0, 1, 2])
def test_a_cursor_between_two_pages_starts_anew_where_what_superseded_its_page_was_lost(
    backup, written_since
):
    """The page left the old entry out for the sake of one that is gone, while the cursor itself
    stands behind an entry that is not."""
    rename(0, "lost")
    first = changes_since(None, EVERYONE, limit=1)
    assert [entry.values["name"] for entry in first.changes] == ["1"]
    backup.restore()
    owners(written_since)
    assert_starts_anew(first.position)


def test_a_catch_up_that_was_under_way_starts_anew_too(backup):
    start = Position.of_entry(publish().epoch, published()[0])
    rename(1, "lost")
    first = changes_since(from_client(start), EVERYONE, limit=1)
    assert [entry.values["name"] for entry in first.changes] == ["2"]
    backup.restore()
    owners(2)
    assert_starts_anew(first.position)


def test_a_catch_up_from_before_the_backup_goes_on_after_it(backup):
    first = changes_since(None, EVERYONE, limit=1)
    rename(0, "lost")
    backup.restore()
    rest = pages(from_client(first.position))
    assert [page.reset for page in rest] == [False]
    assert applied({}, first.changes + changes_of(rest)) == database_state()


def test_the_tail_notices_it(backup):
    rename(0, "lost")
    lost = publish()
    backup.restore()
    rename(1, "new")
    assert tail(lost, 10).is_replaced
    assert not tail(publish(), 10).is_replaced


def test_a_cursor_of_the_lost_part_is_recognised_until_its_number_is_pruned(backup):
    """Beyond that nothing is left to tell by: the limit that the documents name."""
    rename(0, "lost")
    lost = publish()
    backup.restore()
    rename(1, "new")
    rename(1, "newer")
    assert_starts_anew(lost)
    grow_older(days=2)
    pruned(older_than=DAY)
    assert not SyncLog.objects.filter(seq=lost.seq).exists()
    page = changes_since(from_client(lost), EVERYONE)
    assert (page.reset, [entry.values["name"] for entry in page.changes]) == (False, ["newer"])
