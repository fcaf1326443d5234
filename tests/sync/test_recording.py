"""The explicit doors of the log, and what every entry is made of."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models.signals import post_save
from django.utils import timezone

import sync
from sync import recording
from sync.context import FIXTURE
from sync.errors import CaptureError, NotRegistered
from sync.models import SyncLog
from sync.registry import registry
from sync.shape import shape_of
from tests.support.state import database_state
from tests.sync.observing import applied, brief, delete, recorded, update
from tests.sync.values import HARD_VALUES
from tests.sync.writes import FIXTURE as STOCK_FIXTURE
from tests.testapp.models import (
    Everything,
    Memo,
    Owner,
    Place,
    QuietPlace,
    Restaurant,
    Seat,
    Stock,
    Ticket,
    Unseen,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard():
    """Collect what the signal of new entries carries."""
    entries = []

    def hear(instance, created, raw, **kwargs):
        assert created and not raw
        entries.append(instance)

    post_save.connect(hear, sender=SyncLog)
    yield entries
    post_save.disconnect(hear, sender=SyncLog)


def run(sql, *params):
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_raw_sql_is_recorded_when_it_is_said():
    owners = [Owner.objects.create(name=name) for name in "abc"]
    before = database_state()
    with recorded() as entries:
        run("UPDATE testapp_owner SET name = 'z' WHERE name <> 'a'")
        assert sync.record(Owner, [owner.pk for owner in owners[1:]]) == 2
    assert brief(entries) == [update(owner) for owner in owners[1:]]
    assert applied(before, entries) == database_state()


def test_records_that_are_gone_are_not_recorded_as_present():
    owner = Owner.objects.create(name="a")
    with recorded() as entries:
        assert sync.record(Owner, [owner.pk, owner.pk + 1]) == 1
        assert sync.record(Owner, []) == 0
    assert brief(entries) == [update(owner)]


def test_any_number_of_records_can_be_recorded(monkeypatch):
    monkeypatch.setattr(recording, "CHUNK", 3)
    owners = Owner.objects.bulk_create([Owner(name=str(n)) for n in range(10)])
    with recorded() as entries:
        assert sync.record(Owner, Owner.objects.values_list("pk", flat=True)) == 10
    assert sorted(brief(entries)) == sorted(update(owner) for owner in owners)


@pytest.mark.parametrize(
    "named",
    [
        lambda seats: [seat.pk for seat in seats],
        lambda seats: seats,
        lambda seats: seats.values_list("pk", flat=True),
        lambda seats: seats.values_list("room", "number"),
        lambda seats: seats.iterator(),
    ],
)
def test_records_of_a_composite_key_are_recorded_however_they_are_named(named):
    seats = [Seat.objects.create(room="blue", number=number) for number in (1, 2)]
    with recorded() as entries:
        assert sync.record(Seat, named(Seat.objects.order_by("number"))) == 2
    assert sorted(brief(entries)) == sorted(update(seat) for seat in seats)


def test_records_are_recorded_by_their_instances():
    owners = [Owner.objects.create(name=name) for name in "ab"]
    with recorded() as entries:
        assert sync.record(Owner, Owner.objects.all()) == 2
        assert sync.record_deleted(Owner, owners) == 2
    assert sorted(brief(entries)) == sorted([*map(update, owners), *map(delete, owners)])


def test_an_instance_that_was_loaded_in_part_does_not_name_its_audience(red):
    Memo.objects.create(team=red, text="a")
    with pytest.raises(CaptureError, match="team_id"):
        sync.record_deleted(Memo, Memo.objects.only("text"))


def test_records_deleted_by_raw_sql_are_recorded_with_what_they_were(red):
    memo = Memo.objects.create(team=red, text="a")
    before = database_state()
    gone, was = delete(memo), Memo.objects.values().get()
    with recorded() as entries:
        run("DELETE FROM testapp_memo")
        assert sync.record_deleted(Memo, [was]) == 1
    assert brief(entries) == [gone]
    assert entries[0].values == before[gone[:2]]
    assert entries[0].audience == f"team:{red.pk}"
    assert applied(before, entries) == database_state()


@pytest.mark.parametrize("known", [{"text": "a"}, {"id": 1}, {"team_id": 1}, {"pk": 1}])
def test_a_deleted_record_needs_its_key_and_its_audience(known):
    with pytest.raises(CaptureError, match=r"A testapp_memo record needs .*(id|team_id)"):
        sync.record_deleted(Memo, [known])
    assert not SyncLog.objects.exists()


def test_what_is_not_registered_cannot_be_recorded():
    with pytest.raises(NotRegistered, match=r"testapp\.Unseen"):
        sync.record(Unseen, [1])
    with pytest.raises(NotRegistered, match=r"testapp\.Unseen"):
        sync.record_deleted(Unseen, [{"id": 1}])


def test_recording_is_explained_like_any_change():
    owner = Owner.objects.create(name="a")
    with sync.context(actor="importer", reason="nightly"), recorded() as entries:
        sync.record(Owner, [owner.pk])
    assert [(entry.actor, entry.reason) for entry in entries] == [("importer", "nightly")]


def test_each_entry_is_announced_once_and_has_its_key(heard):
    with recorded() as entries:
        Stock.objects.bulk_create([Stock(sku=str(n), warehouse="n") for n in range(30)])
        Restaurant.objects.create(name="a")
        Stock.objects.update(quantity=2)
        Stock.objects.all().delete()
    assert [entry.pk for entry in heard] == [entry.pk for entry in entries]
    assert len(heard) == 92


def test_a_write_that_touches_nothing_announces_nothing(heard):
    Stock.objects.update(quantity=2)
    Stock.objects.all().delete()
    Unseen.objects.create(name="a")
    assert heard == []


def test_a_new_entry_waits_for_its_place_in_the_order():
    earliest = timezone.now()
    with recorded() as entries:
        Owner.objects.create(name="a")
    [entry] = entries
    assert (entry.seq, entry.published_at, entry.latest) == (None, None, False)
    assert (entry.changed, entry.event, entry.cause, entry.codec) == (None, "", "", 1)
    assert earliest <= entry.recorded_at <= timezone.now()


def test_every_type_of_value_is_encoded_as_documented():
    with recorded() as entries:
        Everything.objects.create(**HARD_VALUES)
    [entry] = entries
    assert entry.values == {
        "id": entry.values["id"],
        "char": HARD_VALUES["char"],
        "text": HARD_VALUES["text"],
        "slug": "a-b_c",
        "integer": -(2**31),
        "big": "9223372036854775807",
        "decimal": "-1234567890.50",
        "real": 0.30000000000000004,
        "flag": True,
        "day": "0001-01-01",
        "moment": "2026-03-28T23:59:59.999999Z",
        "clock": "23:59:59.000001",
        "span": "-P2DT23H59M59.999993S",
        "mark": "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "options": {"a": "", "z": [1, 2.5, None, True, {"a": "1152921504606846976", "b": "é"}]},
        "blob": "AP8gbm90IHRleHQ=",
        "attachment": "attachments/a b.txt",
        "address": "2001:db8::1",
        "maybe": None,
    }
    compact = json.dumps(entry.values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert entry.data == compact


def test_saving_again_what_was_saved_gives_the_same_text():
    """Whether an insert or an update wrote it, from Python or from the database."""
    with recorded() as entries:
        made = Everything.objects.create(**HARD_VALUES)
        made.save()
        Everything.objects.get().save()
        Everything.objects.update(char=models.F("char"))
        sync.record(Everything, [made.pk])
        made.delete()
    assert len(entries) == 6
    assert len({entry.data for entry in entries}) == 1


def test_a_fixture_is_the_source_of_what_it_inserts():
    with recorded() as entries, sync.context(source="command"):
        call_command("loaddata", str(STOCK_FIXTURE), verbosity=0)
    assert [entry.source for entry in entries] == [FIXTURE] * 2


def test_a_historical_model_may_have_its_fields_in_another_order(register, red):
    """The audience is asked of an instance of today's model."""

    class Meta:
        app_label = "older"
        managed = False
        db_table = Memo._meta.db_table

    register(Memo, audience=lambda memo: f"{memo.team_id}:{memo.text}")
    columns = {
        "id": models.BigAutoField(primary_key=True),
        "text": models.CharField(max_length=100),
        "team_id": models.BigIntegerField(),
    }
    older = type("OlderMemo", (models.Model,), {"Meta": Meta, "__module__": "older", **columns})
    assert shape_of(registry.get(Memo), older).names != [f.attname for f in Memo._meta.fields]
    with recorded() as entries:
        older.objects.create(text="a", team_id=red.pk)
    assert [entry.audience for entry in entries] == [f"{red.pk}:a"]


def test_a_historical_model_records_the_columns_it_knows():
    class Meta:
        app_label = "older"
        managed = False
        db_table = Stock._meta.db_table

    columns = {
        "id": models.BigAutoField(primary_key=True),
        "quantity": models.IntegerField(),
        "__module__": "older",
    }
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=1)
    older = type("OlderStock", (models.Model,), {"Meta": Meta, **columns})
    with recorded() as entries:
        older.objects.update(quantity=5)
    assert [entry.values for entry in entries] == [{"id": stock.pk, "quantity": 5}]


def test_a_uuid_is_found_however_it_is_written():
    ticket = Ticket.objects.create(subject="a")
    with recorded() as entries:
        sync.record(Ticket, [ticket.pk.hex, str(ticket.pk).upper()])
    assert brief(entries) == [update(ticket)]


def test_a_proxy_is_recorded_as_the_table_it_stands_for():
    place = Place.objects.create(name="a")
    with recorded() as entries:
        assert sync.record(QuietPlace, [place.pk]) == 1
    assert brief(entries) == [update(place)]


def test_a_primary_key_that_the_log_cannot_hold_is_refused_with_a_reason(monkeypatch, in_python):
    monkeypatch.setattr(recording, "MAX_RECORD_ID_LENGTH", 3)
    with pytest.raises(CaptureError, match="shorten it"), transaction.atomic():
        Owner.objects.create(pk=10_000, name="a")
    assert not Owner.objects.exists()


def test_a_mass_write_is_recorded_in_parts(monkeypatch, in_python):
    monkeypatch.setattr(recording, "ENTRIES", 3)
    Owner.objects.bulk_create(Owner(name=f"{n}") for n in range(8))
    with recorded() as entries:
        Owner.objects.update(name="z")
    assert len(entries) == 8
    assert len({entry.transaction for entry in entries}) == 1
