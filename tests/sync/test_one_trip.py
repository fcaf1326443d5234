"""A write that is a transaction of its own tells PostgreSQL who writes without another trip."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

import sync
from sync import captors
from sync.models import SyncLog
from sync.signals import recorded as recorded_signal
from tests.sync.observing import brief, delete, insert, recorded, update
from tests.testapp.models import Line, Owner, Place, Restaurant, Team, Ticket

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers"),
]


@pytest.fixture
def told():
    heard = []

    def hear(using, transaction, **kwargs):
        heard.append((transaction, SyncLog.objects.filter(transaction=transaction).count()))

    recorded_signal.connect(hear)
    yield heard
    recorded_signal.disconnect(hear)


def trips(write):
    captors.is_captor(connection, "")  # asked once for each connection
    with CaptureQueriesContext(connection) as queries:
        write()
    return [query["sql"] for query in queries]


def make_team(name="red"):
    return Team.objects.create(name=name)


def test_a_save_is_one_trip_and_is_explained():
    team = make_team()
    team.name = "100% 'quoted' %s"
    with recorded() as entries, sync.context(actor="ada", reason="it's 100%"):
        [sql] = trips(team.save)
    assert sql.startswith("SELECT set_config(")
    assert "; UPDATE" in sql
    [entry] = entries
    assert (entry.actor, entry.reason) == ("ada", "it's 100%")
    assert entry.values["name"] == "100% 'quoted' %s"


def test_its_commit_is_announced_when_the_entry_can_be_seen(told):
    with recorded() as entries:
        make_team()
    assert told == [(entries[0].transaction, 1)]


@pytest.mark.parametrize(
    ("prepare", "write", "expected"),
    [
        (lambda: Ticket(subject="a"), lambda ticket: ticket.save(), insert),
        (make_team, lambda team: team.save(), update),
        (make_team, lambda team: Team.objects.filter(pk=team.pk).update(name="z"), update),
        (lambda: Ticket.objects.create(), lambda one: one.delete(), delete),
    ],
)
def test_each_kind_of_write_is_one_trip(prepare, write, expected):
    instance = prepare()
    entry = expected(instance)
    with recorded() as entries:
        assert len(trips(lambda: write(instance))) == 1
    assert brief(entries) == [entry]


def test_what_the_write_returns_is_what_the_database_made():
    line = Line.objects.create(price=3, quantity=4)
    assert (line.pk, line.total, line.status) == (Line.objects.get().pk, 12, "new")
    assert Line.objects.filter(pk=line.pk).update(price=5) == 1
    assert Line.objects.filter(pk=line.pk + 1).update(price=5) == 0


def test_a_write_that_fails_leaves_nothing_and_the_next_is_recorded(told):
    make_team("red")
    with recorded() as entries:
        with pytest.raises(IntegrityError):
            make_team("red")
        blue = make_team("blue")
    assert brief(entries) == [insert(blue)]
    assert len(told) == 2


def test_each_write_is_a_transaction_of_its_own_and_nothing_is_left_of_its_context():
    with recorded() as entries:
        with sync.context(reason="first"):
            make_team("red")
        make_team("blue")
    assert [entry.reason for entry in entries] == ["first", ""]
    assert entries[0].transaction != entries[1].transaction
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('sync_hub.transaction', true)")
        assert not cursor.fetchone()[0]


def test_a_write_of_several_statements_is_one_transaction():
    restaurant = Restaurant.objects.create(name="a", stars=1)
    with recorded() as entries:
        Restaurant.objects.update(name="b", stars=2)
    place = Place.objects.get(pk=restaurant.pk)
    assert sorted(brief(entries)) == sorted([update(restaurant), update(place)])
    assert len({entry.transaction for entry in entries}) == 1


def test_inside_a_transaction_the_context_is_told_once():
    with recorded() as entries, transaction.atomic():
        statements = trips(lambda: [make_team("red"), make_team("blue")])
    assert sum("set_config" in sql for sql in statements) == 1
    assert len({entry.transaction for entry in entries}) == 1


def test_parameters_bound_by_the_server_take_more_trips(monkeypatch):
    """PostgreSQL binds parameters of single statements alone."""
    options = connection.settings_dict["OPTIONS"] | {"server_side_binding": True}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    with recorded() as entries:
        sent = trips(lambda: Owner.objects.create(name="a"))
    assert len(entries) == 1
    assert not any("; INSERT" in sql for sql in sent)
