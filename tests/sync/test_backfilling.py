"""What existed before its model was registered is recorded once, whoever writes meanwhile."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

import sync
from sync import backfilling
from sync.backfilling import backfill
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.late import LateTransaction
from tests.support.state import database_state
from tests.support.threads import in_threads
from tests.sync.observing import Statements, applied, brief, insert, published, recorded, update
from tests.sync.terminal import run_with_a_terminal
from tests.sync.waiting import wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Memo, Owner, Restaurant, Seat, Stock, Ticket

EVERYONE = ["everyone"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(backfilling, "BATCH", 3)


@pytest.fixture
def existing(unregister, register):
    """Write records of models that are not registered yet, and register them then."""

    def make(*models, write):
        for model in models:
            unregister(model)
        made = write()
        for model in models:
            register(model)
        return made

    return make


def fill(model):
    return sum(new for _, new in backfill(model, "default"))


def run(*labels, **options):
    out = io.StringIO()
    call_command("sync_backfill", *labels, stdout=out, **options)
    return out.getvalue().splitlines()


@pytest.mark.django_db
def test_what_existed_before_is_recorded_as_it_is(existing):
    owners = existing(
        Owner, write=lambda: Owner.objects.bulk_create([Owner(name=str(n)) for n in range(7)])
    )
    with recorded() as entries:
        assert fill(Owner) == 7
    assert Counter(brief(entries)) == Counter(map(insert, owners))
    assert {entry.source for entry in entries} == {"backfill"}
    assert applied({}, changes_since(None, EVERYONE).changes) == database_state()


@pytest.mark.django_db
def test_running_again_records_nothing(existing):
    existing(Owner, write=lambda: Owner.objects.bulk_create([Owner(name="a") for _ in range(5)]))
    assert fill(Owner) == 5
    assert fill(Owner) == 0
    publish()
    assert fill(Owner) == 0


@pytest.mark.django_db
def test_what_the_log_knows_is_left_alone(existing):
    old = existing(Owner, write=lambda: Owner.objects.create(name="old"))
    new = Owner.objects.create(name="new")
    other = Stock.objects.create(pk=old.pk, sku="a", warehouse="n")
    with recorded() as entries:
        assert fill(Owner) == 1
        assert fill(Stock) == 0
    assert brief(entries) == [insert(old)]
    assert Owner.objects.get(pk=new.pk) and Stock.objects.get(pk=other.pk)


@pytest.mark.django_db
def test_keys_of_every_kind_are_paged_through(existing, red):
    def write():
        Seat.objects.bulk_create(
            Seat(room=room, number=number) for room in ("a", "b") for number in range(5)
        )
        Ticket.objects.bulk_create(Ticket(subject=str(n)) for n in range(7))
        for n in range(4):
            Restaurant.objects.create(name=str(n))

    existing(Seat, Ticket, Restaurant, write=write)
    for model, count in ((Seat, 10), (Ticket, 7), (Restaurant, 4)):
        read, new = map(sum, zip(*backfill(model, "default"), strict=True))
        assert (read, new) == (count, count)
    assert applied({}, SyncLog.objects.order_by("id")) == database_state()


@pytest.mark.django_db
def test_progress_is_told_after_each_batch(existing):
    existing(Owner, write=lambda: Owner.objects.bulk_create([Owner(name="a") for _ in range(7)]))
    assert list(backfill(Owner, "default")) == [(3, 3), (3, 3), (1, 1)]
    assert list(backfill(Owner, "default")) == [(3, 0), (3, 0), (1, 0)]


@pytest.mark.django_db
def test_a_record_is_recorded_for_its_audience(existing, red, blue):
    existing(Memo, write=lambda: Memo.objects.create(team=red, text="a"))
    Memo.objects.update(text="a")
    existing(Memo, write=lambda: Memo.objects.create(team=blue, text="b"))
    sync.registry.registry.remove(Memo)
    sync.register(Memo, audience="team:{team_id}")
    fill(Memo)
    heard = changes_since(None, [f"team:{blue.pk}"]).changes
    assert [entry.values["text"] for entry in heard] == ["b"]


@pytest.mark.django_db
def test_the_command_records_all_registered_models(existing):
    existing(Owner, Ticket, write=lambda: (Owner.objects.create(), Ticket.objects.create()))
    told = run()
    assert {"testapp.Owner: 1 recorded", "testapp.Ticket: 1 recorded"} <= set(told)
    assert "testapp.Stock: 0 recorded" in told
    assert len(told) == len({registration.table for registration in sync.registry.registry})
    assert all(line.endswith(": 0 recorded") for line in run())


@pytest.mark.django_db
def test_the_command_records_the_named_models_alone(existing):
    existing(Owner, Ticket, write=lambda: (Owner.objects.create(), Ticket.objects.create()))
    assert run("testapp.Ticket") == ["testapp.Ticket: 1 recorded"]
    assert {entry.table for entry in SyncLog.objects.all()} == {"testapp_ticket"}


@pytest.mark.django_db
@pytest.mark.parametrize("label", ["testapp.Unseen", "testapp.Nothing", "nothing.Owner", "Owner"])
def test_the_command_refuses_what_is_not_registered(label):
    with pytest.raises(CommandError):
        run(label)


@pytest.mark.django_db(transaction=True)
def test_the_command_shows_a_bar_to_a_person_and_none_to_a_log(existing):
    existing(Owner, write=lambda: Owner.objects.bulk_create([Owner(name="a") for _ in range(7)]))
    shown = run_with_a_terminal("sync_backfill", "testapp.Owner")
    assert "testapp.Owner: 100%" in shown
    assert "7/7" in shown
    assert run_with_a_terminal("sync_backfill", "testapp.Owner", "-v", "0") == ""


@pytest.mark.django_db(transaction=True)
def test_a_writer_that_has_not_committed_is_waited_for(existing, several_writers):
    """Else the older state would come after the newer one in the log."""
    owner = existing(Owner, write=lambda: Owner.objects.create(name="old"))
    with LateTransaction(lambda: Owner.objects.update(name="new")) as writer:
        filled, _ = in_threads(
            lambda: fill(Owner),
            lambda: (wait_until_somebody_waits_for_a_lock(), writer.commit()),
        )
    assert filled == 0
    publish()
    assert brief(published()) == [update(owner)]
    assert applied({}, published()) == database_state()


@pytest.mark.django_db(transaction=True)
def test_a_backfill_beside_writers_ends_equal_to_the_database(existing):
    existing(Stock, write=lambda: Stock.objects.bulk_create(stock(n) for n in range(40)))

    def write(number):
        for step in range(20):
            mine = Stock.objects.filter(sku=str((7 * step + number) % 40))
            if step % 5 == 4:
                mine.delete()
            else:
                mine.update(quantity=100 * number + step)
            Stock.objects.create(sku=f"{number}/{step}", warehouse="s")

    in_threads(lambda: fill(Stock), lambda: fill(Stock), lambda: write(1), lambda: write(2))
    publish()
    assert applied({}, published()) == database_state()
    assert applied({}, changes_since(None, EVERYONE).changes) == database_state()
    assert fill(Stock) == 0


def stock(number):
    return Stock(sku=str(number), warehouse="n")


@pytest.mark.django_db
def test_a_batch_costs_the_same_however_many_are_unknown(existing, monkeypatch):
    monkeypatch.setattr(backfilling, "BATCH", 20)
    existing(Owner, write=lambda: Owner.objects.bulk_create([Owner(name="a") for _ in range(20)]))
    with Statements() as statements:
        fill(Owner)
    rows, published, pending, *others = (sql.split()[0] for sql in statements.sql)
    assert {rows, published, pending} == {"SELECT"}
    assert others == ["INSERT", "SELECT"]


@pytest.mark.django_db(transaction=True)
def test_what_it_records_does_not_pile_up_where_nobody_else_publishes(existing, sync_settings):
    sync_settings(PUBLISH_BATCH=6)
    stocks = [Stock(sku=str(number), warehouse="n") for number in range(20)]
    existing(Stock, write=lambda: Stock.objects.bulk_create(stocks))
    waited = [SyncLog.objects.pending().count() for _ in backfill(Stock, "default")]
    assert max(waited) == 6
    assert SyncLog.objects.count() == 20
