"""The log is append-only, and has one head."""

from __future__ import annotations

import threading

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError

from sync.errors import AppendOnlyError
from sync.models import LogHead, SyncLog, log_maintenance, new_epoch
from sync.publishing import publish
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry():
    Owner.objects.create(name="a")
    return SyncLog.objects.get()


def update_or_create(entry):
    SyncLog.objects.update_or_create(pk=entry.pk, defaults={"data": "{}"})


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.save(update_fields=["data"]),
        lambda entry: async_to_sync(entry.asave)(),
        lambda entry: entry.delete(),
        lambda entry: async_to_sync(entry.adelete)(),
        lambda entry: SyncLog(data="{}").save(),
        lambda entry: SyncLog.objects.create(data="{}"),
        update_or_create,
        lambda entry: SyncLog.objects.update(data="{}"),
        lambda entry: SyncLog.objects.filter(pk=entry.pk).update(data="{}"),
        lambda entry: async_to_sync(SyncLog.objects.all().aupdate)(data="{}"),
        lambda entry: SyncLog.objects.bulk_update([entry], ["data"]),
        lambda entry: SyncLog.objects.all().delete(),
        lambda entry: SyncLog.objects.published().delete(),
        lambda entry: SyncLog.objects.pending().delete(),
    ],
)
def test_an_entry_cannot_be_changed_or_removed(entry, change):
    entry.data = "{}"
    before = list(SyncLog.objects.values())
    with pytest.raises(AppendOnlyError, match="append-only|never saved by hand"):
        change(entry)
    assert list(SyncLog.objects.values()) == before


def test_the_manager_cannot_empty_the_log():
    assert not hasattr(SyncLog.objects, "delete")


def test_maintenance_may_remove_entries_and_ends_with_its_block(entry):
    with log_maintenance():
        SyncLog.objects.update(reason="redacted")
    with pytest.raises(AppendOnlyError):
        SyncLog.objects.update(reason="again")
    with pytest.raises(ZeroDivisionError), log_maintenance():
        raise ZeroDivisionError
    with pytest.raises(AppendOnlyError):
        entry.delete()
    with log_maintenance():
        entry.delete()
    assert not SyncLog.objects.exists()


def test_maintenance_is_of_one_thread():
    refused = []

    def other():
        try:
            SyncLog().delete()
        except AppendOnlyError:
            refused.append(True)

    with log_maintenance():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert refused == [True]


def test_an_entry_says_what_it_is(entry):
    assert str(entry) == f"insert testapp_owner {entry.record_id}"
    assert entry.values == {"id": int(entry.record_id), "name": "a"}
    assert entry.changed_names is None


def test_the_log_has_one_head():
    publish()
    with pytest.raises(IntegrityError):
        LogHead.objects.create(pk=2)


def test_the_head_says_where_the_log_ends(entry):
    end = publish()
    assert str(LogHead.objects.get()) == f"{end.epoch} at 1"


def test_epochs_differ():
    assert len({new_epoch() for _ in range(100)}) == 100
