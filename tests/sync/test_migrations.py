"""What migrations make of a log that was written before."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sync.models import Newest, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = ("sync", "0007_permissions_of_the_history"), ("sync", "0008_newest")


def migrate(target):
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return executor.loader.project_state([target]).apps.get_model("sync", "SyncLog")


@pytest.fixture
def migrated_again():
    """Leave the database with all migrations, whatever becomes of the test."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("sync"))


def entry(seq, record_id, action="update", **values):
    return {
        "seq": seq,
        "table": "testapp_owner",
        "record_id": record_id,
        "action": action,
        "data": f'{{"id":{record_id},"name":"{seq}"}}',
        "audience": "everyone",
        "transaction": uuid.uuid4(),
        "source": "shell",
        "published_at": None if seq is None else timezone.now(),
    } | values


def test_the_newest_entries_of_an_older_log_are_found_by_all_who_look_for_them(migrated_again):
    older = migrate(BEFORE)
    older.objects.bulk_create(
        older(**values)
        for values in (
            entry(1, "1", "insert"),
            entry(2, "1", latest=True),
            entry(3, "2", "delete", latest=True),
            entry(4, "1", "delete", audience="team:red", cause="moved", latest=True),
            entry(None, "3"),
        )
    )
    migrate(AFTER)
    found = {one.seq: one for one in SyncLog.objects.newest()}
    assert [(one.seq, one.entry_id, one.action) for one in Newest.objects.all()] == [
        (2, found[2].pk, "update"),
        (3, found[3].pk, "delete"),
        (4, found[4].pk, "delete"),
    ]


def test_a_log_that_goes_back_and_forth_is_the_same(migrated_again):
    one, other = Owner.objects.create(name="Ada"), Owner.objects.create(name="Bob")
    publish()
    one.name = "Ann"
    one.save()
    other.delete()
    publish()
    before = list(Newest.objects.values())
    older = migrate(BEFORE)
    assert list(
        older.objects.filter(latest=True).order_by("seq").values_list("seq", flat=True)
    ) == [row["seq"] for row in before]
    migrate(AFTER)
    assert list(Newest.objects.values()) == before
    assert [change.values for change in changes_since(None, ["everyone"]).changes] == [
        {"id": one.pk, "name": "Ann"}
    ]
