"""A save whose entry is made in Python, and that is a transaction of its own, takes PostgreSQL two
trips, as libpq traces them."""

from __future__ import annotations

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models.signals import post_save

from sync import inserting, publishing, short_trips
from sync.cursor import Position
from sync.locking import head
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import tail
from sync.signals import recorded as recorded_signal
from tests.support.threads import with_own_connection
from tests.sync.late_refusal import teams_refused_at_the_commit
from tests.sync.observing import brief, delete, insert, recorded, update
from tests.sync.tracing import IDLE, answered, is_as_it_was, sent_by, trips
from tests.testapp.models import Memo, Owner, Restaurant, Team, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def by_the_orm(settings, in_python):
    settings.SYNC = {**settings.SYNC, "CAPTURE": "orm"}


def make_team(name="red"):
    return Team.objects.create(name=name)


def test_a_save_is_two_trips_and_one_transaction():
    team = make_team()
    team.name = "100% 'quoted' %s"
    with recorded() as entries:
        first, second = trips(team.save)
    assert first.startswith("BEGIN; UPDATE")
    assert second.endswith("; COMMIT")
    assert brief(entries) == [update(team)]
    assert is_as_it_was()


def test_an_insert_is_two_trips_and_gives_what_the_database_made():
    with recorded() as entries:
        sent = trips(lambda: make_team("blue"))
    assert len(sent) == 2
    team = Team.objects.get()
    assert brief(entries) == [insert(team)]


@pytest.mark.parametrize(
    ("prepare", "write", "expected"),
    [
        (lambda: Ticket(subject="a"), lambda ticket: ticket.save(), insert),
        (make_team, lambda team: Team.objects.filter(pk=team.pk).update(name="z"), update),
        (make_team, lambda team: Team.objects.update(name="z"), update),
        (lambda: Ticket.objects.create(), lambda one: one.delete(), delete),
    ],
)
def test_each_kind_of_write_is_recorded_in_a_transaction_that_has_ended(prepare, write, expected):
    instance = prepare()
    entry = expected(instance)
    with recorded() as entries:
        write(instance)
        assert is_as_it_was()
    assert brief(entries) == [entry]


def test_the_transaction_is_announced_when_everybody_can_see_it():
    seen = []

    def hear(using, transaction, **kwargs):
        found = SyncLog.objects.filter(transaction=transaction)
        seen.append(with_own_connection(found.count))

    recorded_signal.connect(hear)
    try:
        make_team()
    finally:
        recorded_signal.disconnect(hear)
    assert seen == [1]


def test_a_write_that_changes_nothing_ends_its_transaction():
    with recorded() as entries:
        assert Team.objects.filter(pk=-1).update(name="z") == 0
    assert entries == []
    assert is_as_it_was()


def test_a_write_that_fails_leaves_nothing_and_the_next_is_recorded():
    make_team("red")
    with recorded() as entries:
        with pytest.raises(IntegrityError):
            make_team("red")
        assert is_as_it_was()
        blue = make_team("blue")
    assert brief(entries) == [insert(blue)]


def test_an_entry_that_fails_takes_the_write_with_it(monkeypatch):
    table = SyncLog._meta.db_table
    insert_values = inserting._insert_values

    def into_nowhere(*names):
        return insert_values(*names).replace(table, "nowhere")

    monkeypatch.setattr(inserting, "_insert_values", into_nowhere)
    with pytest.raises(ProgrammingError, match="nowhere"):
        make_team("red")
    assert not Team.objects.exists()
    assert is_as_it_was()


def test_a_constraint_that_is_checked_at_the_commit_takes_everything_back():
    ran = []
    with teams_refused_at_the_commit(), RecordedCallbacks(ran):
        make_team("red")
    assert is_as_it_was()
    assert not Team.objects.exists()
    assert not SyncLog.objects.exists()
    assert ran == []


class RecordedCallbacks:
    """Registers an on-commit callback with each write, as whoever hears of it may."""

    def __init__(self, ran):
        self.ran = ran

    def __enter__(self):
        recorded_signal.connect(self.hear)

    def __exit__(self, *error):
        recorded_signal.disconnect(self.hear)

    def hear(self, using, **kwargs):
        transaction.on_commit(lambda: self.ran.append(using), using=using)


def test_what_waits_for_the_commit_runs_after_it():
    ran = []
    with RecordedCallbacks(ran):
        make_team("red")
    assert ran == ["default"]


def test_inside_a_transaction_nothing_ends_it_early():
    with recorded() as entries:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            make_team("red")
            raise ZeroDivisionError
        with transaction.atomic():
            begin, *sent = trips(lambda: make_team("blue"))
    assert begin == "BEGIN"
    assert not any("BEGIN" in text or "COMMIT" in text for text in sent)
    assert brief(entries) == [insert(Team.objects.get())]


def test_a_write_of_several_statements_is_one_transaction():
    restaurant = Restaurant.objects.create(name="a", stars=1)
    with recorded() as entries:
        Restaurant.objects.filter(pk=restaurant.pk).update(name="b", stars=2)
    assert len({entry.transaction for entry in entries}) == 1
    assert is_as_it_was()


def test_whoever_hears_of_each_entry_hears_of_it_inside_the_transaction():
    open_then = []

    def hear(instance, **kwargs):
        if isinstance(instance, SyncLog):
            open_then.append(connection.connection.pgconn.transaction_status != IDLE)

    post_save.connect(hear, sender=SyncLog)
    try:
        assert len(trips(make_team)) > 2
    finally:
        post_save.disconnect(hear, sender=SyncLog)
    assert open_then == [True]


@pytest.mark.parametrize("given", ["isolation_level", "read_only", "deferrable"])
def test_a_transaction_that_begins_otherwise_is_begun_by_the_driver(given):
    connection.ensure_connection()
    values = {"isolation_level": psycopg.IsolationLevel.SERIALIZABLE}
    setattr(connection.connection, given, values.get(given, False))
    try:
        sent = trips(make_team)
    finally:
        setattr(connection.connection, given, None)
    assert not any(text.startswith("BEGIN; ") for text in sent)
    assert is_as_it_was()


def test_parameters_bound_by_the_server_take_more_trips(monkeypatch):
    """PostgreSQL binds parameters of single statements alone."""
    options = connection.settings_dict["OPTIONS"] | {"server_side_binding": True}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    with recorded() as entries:
        Owner.objects.create(name="a")
    assert len(entries) == 1
    assert not short_trips._travels_together(connection)


def test_who_watches_the_statements_sees_them_as_they_are():
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        make_team()
    assert not any("BEGIN" in sql or "COMMIT" in sql for sql in seen)


def test_a_look_that_finds_a_change_takes_four_trips():
    team = make_team()
    start = tail(None, 10).position
    team.name = "blue"
    team.save()
    found = []
    sent = sent_by(lambda: found.append(tail(start, 10)))
    assert [entry.record_id for entry in found[0].entries] == [str(team.pk)]
    assert answered(sent) == 4  # look, lock and read, number and end, read
    assert is_as_it_was()


def test_a_look_that_finds_nothing_takes_one_trip():
    start = tail(None, 10).position
    assert answered(sent_by(lambda: tail(start, 10))) == 1


def test_a_pass_that_numbers_nothing_ends_its_transaction():
    team = make_team()
    publish()
    Team.objects.filter(pk=team.pk).update(name=team.name)
    end = publish()
    assert not SyncLog.objects.pending().exists()
    assert end == Position.of_head(head("default"))
    assert is_as_it_was()


def test_a_pass_that_fails_leaves_nothing_open(monkeypatch):
    make_team()
    failing = lambda *args: Team.objects.create(pk="no number")  # noqa: E731
    monkeypatch.setattr(publishing.numbering, "store_the_last", failing)
    with pytest.raises(ValueError):
        publish()
    assert SyncLog.objects.pending().count() == 1
    assert is_as_it_was()


def test_who_hears_of_a_move_once_and_writes_ends_nothing_early():
    red, blue = make_team("red"), make_team("blue")
    memo = Memo.objects.create(team=red, text="a")
    publish()
    Memo.objects.filter(pk=memo.pk).update(team=blue)

    def hear(**kwargs):
        post_save.disconnect(hear, sender=SyncLog)
        make_team("green")
        raise ZeroDivisionError

    post_save.connect(hear, sender=SyncLog)
    with pytest.raises(ZeroDivisionError):
        publish()
    assert not Team.objects.filter(name="green").exists()
    assert SyncLog.objects.pending().count() == 1
    assert is_as_it_was()
