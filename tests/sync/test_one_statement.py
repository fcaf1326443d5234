"""PostgreSQL writes the entries of a write in the statement of the write itself."""

from __future__ import annotations

import dataclasses
import datetime
import threading

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import F

import sync
from sync import entry_sql, recorder_upkeep, write_plans
from sync.entry_sql import WRITTEN
from sync.errors import CaptureError
from sync.models import SyncLog
from sync.passing import is_orm
from sync.recorders import PREFIX
from sync.registry import registry
from sync.signals import recorded as recorded_signal
from tests.support.state import database_state
from tests.support.threads import in_threads
from tests.sync.late_refusal import teams_refused_at_the_commit
from tests.sync.observing import Statements, applied, brief, insert, recorded, update
from tests.sync.tracing import is_as_it_was, trips
from tests.sync.values import HARD_VALUES
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import (
    Everything,
    Memo,
    Named,
    Owner,
    Restaurant,
    Seat,
    Stock,
    Team,
    Ticket,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture(autouse=True, params=["by a function", "spelt out"])
def by_the_orm(request, settings):
    settings.SYNC = {**settings.SYNC, "CAPTURE": "orm"}
    if request.param == "spelt out":
        request.getfixturevalue("spelt_out")
    return request.param


@pytest.fixture
def anew():
    """Have plans made anew."""
    write_plans.forget()
    yield
    write_plans.forget()


@pytest.fixture
def known():
    """Have the plan of teams made."""
    Team.objects.update(name="white")


@pytest.fixture
def told():
    """Return what is told of writes: the transaction, and how many of its entries others see."""
    heard = []

    def hear(transaction, **kwargs):
        found = SyncLog.objects.filter(transaction=transaction)
        heard.append((transaction, *in_threads(found.count)))

    recorded_signal.connect(hear)
    yield heard
    recorded_signal.disconnect(hear)


def make_team(name="red", **values):
    return Team.objects.create(name=name, **values)


def test_a_save_and_its_entry_are_one_trip(by_the_orm):
    team = make_team()
    team.name = "100% 'quoted' {braces} %s"
    with recorded() as entries:
        [sent] = trips(team.save)
    assert sent.startswith("UPDATE" if by_the_orm == "by a function" else f"WITH {WRITTEN} AS (UPD")
    assert (PREFIX in sent) == (by_the_orm == "by a function")
    assert brief(entries) == [update(team)]
    assert entries[0].values == {"id": team.pk, "name": team.name}
    assert is_as_it_was()


def test_an_insert_is_one_trip_and_gives_what_the_database_made(known):
    with recorded() as entries:
        [_] = trips(lambda: make_team("blue"))
    assert brief(entries) == [insert(Team.objects.get())]


def test_other_columns_may_be_asked_for_than_the_key(red):
    made = Memo.objects.bulk_create([Memo(team=red, text=text) for text in "abc"])
    assert [Memo.objects.get(pk=memo.pk).text for memo in made] == ["a", "b", "c"]
    seat = Seat.objects.create(room="a", number=1)
    assert Seat.objects.get(pk=seat.pk) == seat


def test_a_bulk_returns_its_keys_in_the_order_of_its_rows():
    stocks = [Stock(sku=f"{n}", warehouse="n") for n in range(300)]
    with recorded() as entries:
        Stock.objects.bulk_create(stocks)
    assert [entry.record_id for entry in entries] == [str(stock.pk) for stock in stocks]
    assert [entry.values["sku"] for entry in entries] == [stock.sku for stock in stocks]


@pytest.mark.parametrize(
    ("write", "actions"),
    [
        (lambda stocks: stocks.update(quantity=F("quantity") + 1), ["update"] * 3),
        (lambda stocks: stocks.filter(sku__in=[]).update(quantity=1), []),
        (lambda stocks: stocks.filter(sku="nowhere").update(quantity=1), []),
        (lambda stocks: stocks.delete(), ["delete"] * 3),
        (lambda stocks: stocks.filter(sku="nowhere").delete(), []),
    ],
    ids=["update", "update of nothing", "update of none", "delete", "delete of none"],
)
def test_a_mass_write_counts_its_rows_and_is_told_of_once(write, actions, told):
    Stock.objects.bulk_create(Stock(sku=f"{n}", warehouse="n") for n in range(3))
    told.clear()
    before = database_state()
    assert len(before) == 3
    with recorded() as entries:
        count = write(Stock.objects.all())
    assert (count[0] if isinstance(count, tuple) else count) == len(actions)
    assert [entry.action for entry in entries] == actions
    assert applied(before, entries) == database_state()
    assert len(told) == bool(actions)


def test_upserts_are_told_apart():
    old = Stock.objects.create(sku="a", warehouse="n", quantity=1)
    new = Stock(sku="b", warehouse="n", quantity=2)
    with recorded() as entries:
        Stock.objects.bulk_create(
            [Stock(sku="a", warehouse="n", quantity=5), new],
            update_conflicts=True,
            unique_fields=["sku", "warehouse"],
            update_fields=["quantity"],
        )
    assert brief(entries) == [update(old), insert(Stock.objects.get(sku="b"))]


def test_every_value_is_what_the_encoding_makes_of_it():
    with recorded() as entries:
        everything = Everything.objects.create(**HARD_VALUES)
        everything.delete()
    inserted, deleted = entries
    assert inserted.data == deleted.data
    everything = Everything(**HARD_VALUES)
    Everything.objects.bulk_create([everything])
    with recorded() as again:
        sync.record(Everything, [everything.pk])
    [entry] = again
    same = {name: value for name, value in entry.values.items() if name != "id"}
    assert {name: value for name, value in inserted.values.items() if name != "id"} == same


def test_entries_say_who_and_why(admin_user):
    said = {"reason": "100% 'sure'", "request_id": "r", "client_id": "c", "source": "task"}
    before = datetime.datetime.now(datetime.UTC)
    with recorded() as entries, sync.context(actor=admin_user, **said):
        make_team()
    [entry] = entries
    assert {name: getattr(entry, name) for name in said} == said
    assert (entry.actor_id, entry.actor) == (str(admin_user.pk), admin_user.username)
    assert before <= entry.recorded_at <= datetime.datetime.now(datetime.UTC)


def test_inside_a_transaction_all_entries_have_its_id_and_nothing_ends_it_early(told, known):
    with recorded() as entries:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            make_team("red")
            raise ZeroDivisionError
        with transaction.atomic():
            begin, sent = trips(lambda: make_team("blue"))
            Owner.objects.create(name="a")
    assert begin == "BEGIN"
    assert "BEGIN" not in sent
    assert [entry.values["name"] for entry in entries] == ["blue", "a"]
    assert len({entry.transaction for entry in entries}) == 1
    assert [seen for _, seen in told] == [0, 0, 0], "nobody sees what is not committed"


def test_writes_that_are_transactions_of_their_own_have_ids_of_their_own():
    with recorded() as entries:
        make_team("red")
        make_team("blue")
    assert len({entry.transaction for entry in entries}) == 2


def test_what_waits_for_the_commit_runs_after_it():
    ran = []

    def hear(using, **kwargs):
        transaction.on_commit(lambda: ran.extend(in_threads(Team.objects.count)), using)

    recorded_signal.connect(hear)
    try:
        make_team()
    finally:
        recorded_signal.disconnect(hear)
    assert ran == [1]


def test_a_write_that_fails_leaves_nothing_and_the_next_is_recorded():
    make_team("red")
    with recorded() as entries:
        with pytest.raises(IntegrityError, match="unique"):
            make_team("red")
        assert is_as_it_was()
        blue = make_team("blue")
    assert brief(entries) == [insert(blue)]


def test_an_entry_that_fails_takes_the_write_with_it(anew):
    make_team("white")
    [plans] = write_plans._plans.values()
    for shape, plan in plans.items():
        entries = {
            action: sql.replace('"sync_log"', "nowhere") for action, sql in plan.entries.items()
        }
        recorder = plan.recorder and dataclasses.replace(plan.recorder, schema="nowhere")
        plans[shape] = dataclasses.replace(plan, entries=entries, recorder=recorder)
    with pytest.raises(ProgrammingError, match="nowhere"):
        make_team("red")
    assert not Team.objects.filter(name="red").exists()
    assert is_as_it_was()
    with recorded() as entries:
        blue = make_team("blue")  # what proved wrong is made anew
    assert brief(entries) == [insert(blue)]


def test_a_constraint_that_is_checked_at_the_commit_takes_everything_back():
    with teams_refused_at_the_commit():
        make_team("red")
    assert not Team.objects.exists()
    assert not SyncLog.objects.exists()


@pytest.mark.parametrize(
    ("name", "audience"),
    [("", "{name}"), ("x" * 100, "{name}" * 3), ("a", "x" * 256)],
    ids=["empty", "long", "always long"],
)
def test_an_audience_that_the_log_cannot_hold_is_refused_with_a_reason(register, name, audience):
    register(Owner, audience=audience)
    with pytest.raises(CaptureError, match="testapp_owner .* 1 to 255 characters"):
        Owner.objects.create(name=name)
    assert not Owner.objects.exists()
    assert is_as_it_was()


def test_a_key_that_the_log_cannot_hold_is_refused_with_a_reason(monkeypatch, anew):
    monkeypatch.setattr(entry_sql, "MAX_RECORD_ID_LENGTH", 9)
    recorder_upkeep.install(connection, [registry.get(Seat)])
    with pytest.raises(CaptureError, match="testapp_seat record is longer"):
        Seat.objects.create(room="longer", number=1)
    assert not Seat.objects.exists()


def test_a_key_may_be_the_empty_text():
    with recorded() as entries:
        named = Named.objects.create(code="", name="a")
    assert brief(entries) == [insert(named)]


def test_raw_sql_of_who_is_told_is_noticed_also_inside_a_write_of_several_tables():
    passes = []

    def hear(**kwargs):
        passes.append(is_orm())

    restaurant = Restaurant.objects.create(name="a", stars=1)
    recorded_signal.connect(hear)
    try:
        Restaurant.objects.filter(pk=restaurant.pk).update(name="b", stars=2)
    finally:
        recorded_signal.disconnect(hear)
    assert passes == [False, False]


def test_a_null_that_the_host_forgot_is_the_hosts_error():
    with pytest.raises(IntegrityError, match='"subject"'):
        Ticket.objects.create(subject=None)


def test_one_that_waited_for_another_is_entered_after_it():
    """By the highest id of a transaction publishing orders what wrote the same record."""
    team = make_team()
    begun = threading.Event()

    def write(name):
        Team.objects.filter(pk=team.pk).update(name=name)

    def first():
        with transaction.atomic():
            write("first")
            begun.set()
            in_threads(wait_until_somebody_waits_for_a_lock)  # who asks twice has to be outside
            write("again")

    def later():
        assert begun.wait(SECONDS)
        write("later")

    with recorded() as entries:
        in_threads(first, later)
    assert [entry.values["name"] for entry in entries] == ["first", "again", "later"]
    times = [entry.recorded_at for entry in entries]
    assert times == sorted(times), "who asks what it was at a moment relies on it"


@pytest.fixture(params=[{}, {"prepare_threshold": 1}], ids=["bound", "prepared"])
def bound_by_the_server(request, monkeypatch):
    options = connection.settings_dict["OPTIONS"] | {"server_side_binding": True} | request.param
    options.pop("pool", None)
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    yield
    connection.close()


def test_parameters_may_be_bound_by_the_server(bound_by_the_server):
    before = database_state()
    with recorded() as entries:
        for name in ("a", "b", "c"):
            team = make_team(name)
            team.name = f"{name}{name}"
            team.save()
            Memo.objects.bulk_create([Memo(team=team, text=name), Memo(team=team, text="x")])
        Memo.objects.update(text="y")
        Memo.objects.all().delete()
        Everything.objects.create(**HARD_VALUES)
    assert isinstance(connection.connection.cursor(), psycopg.Cursor)
    assert not issubclass(connection.connection.cursor_factory, psycopg.ClientCursor)
    assert applied(before, entries) == database_state()


def test_a_write_may_have_as_many_parameters_as_a_statement_can(bound_by_the_server):
    team = make_team()
    keys = [team.pk, *range(-65_533, 0)]  # and the name: as many as Django itself could send
    with recorded() as entries, sync.context(reason="100% 'sure' \\ %s", actor="x"):
        assert Team.objects.filter(pk__in=keys).update(name="z") == 1
    assert brief(entries) == [update(team)]
    assert (entries[0].reason, entries[0].actor) == ("100% 'sure' \\ %s", "x")


def test_who_ends_transactions_himself_is_recorded():
    transaction.set_autocommit(False)
    try:
        with recorded() as entries:
            make_team("red")
            transaction.rollback()
            make_team("blue")
            transaction.commit()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert [entry.values["name"] for entry in entries] == ["blue"]


def test_the_first_write_of_a_process_counts_as_many_statements_as_any_other(anew):
    counts = []
    for name in ("red", "blue"):
        with Statements() as statements:
            make_team(name)
        counts.append(len(statements.captured_queries))
    assert counts == [1, 1]
