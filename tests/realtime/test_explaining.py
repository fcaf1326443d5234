"""Explanations of what really happened: a log, a relay, conversations, rights that come and go."""

from __future__ import annotations

import datetime
import re

import pytest
import pytest_asyncio
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import sync
from realtime.connection import Connection
from realtime.conversation import Conversation
from realtime.errors import UnknownChange, UnknownRecord
from realtime.explaining import MOST_CHANGES, explain
from realtime.messages import Hello, Ping, SyncRequest
from realtime.models import Client, Right
from realtime.rights_history import remember
from realtime.standings import standings
from realtime.verdict_words import sentence
from realtime.verdicts import Outcome
from sync.conf import conf
from sync.locking import head
from sync.models import SyncLog
from sync.publishing import publish
from sync.registry import registry
from tests.realtime.doubles import RecordingTransport
from tests.support.off_loop import eventually, off_loop
from tests.testapp.models import Memo, Team

pytestmark = pytest.mark.django_db(transaction=True)

SCOPE = {"headers": [], "query_string": b"", "client": ["192.0.2.7", 50000]}

LAPTOP = "laptop"


@pytest.fixture(autouse=True)
def frequent(settings):
    """What is known of a connection is written all the time; rights are looked up when told to."""
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02, "TICK": 3600}


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def team(transactional_db):
    return Team.objects.create(name="blue")


@pytest.fixture
def laptop(ada):
    return Client.objects.create(client_id=LAPTOP, user=ada)


def audience(team):
    return f"team:{team.pk}"


def join(user, team):
    user.groups.add(Group.objects.get_or_create(name=audience(team))[0])


def leave(user, team):
    user.groups.remove(Group.objects.get(name=audience(team)))


def explained(record, name=LAPTOP, **options):
    """Explain to whoever goes by the name the changes of a record."""
    table = type(record)._meta.db_table
    clients = standings(name, head(conf().DATABASE).epoch)
    return explain(clients, registry.find(table), str(record.pk), **options)


def outcomes(record, name=LAPTOP):
    return [one.outcome for one in explained(record, name).explained]


def told(record, name=LAPTOP):
    [one] = explained(record, name).explained
    return sentence(one)


# From what is stored


def test_a_change_that_nobody_published_waits(laptop, ada, team):
    assert outcomes(team) == [Outcome.WAITING]
    assert SyncLog.objects.get().seq is None
    publish()
    assert outcomes(team) == [Outcome.NEVER_CONNECTED]


def test_a_save_that_changed_nothing_was_not_sent(laptop, ada, team, settings):
    settings.SYNC = settings.SYNC | {"KEEP_UNCHANGED": True}
    publish()
    team.save()
    publish()
    assert outcomes(team) == [Outcome.NEVER_CONNECTED, Outcome.UNCHANGED]


def test_who_never_held_the_audience_is_named(laptop, ada, team):
    remember(ada, ["everyone"])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    assert outcomes(memo) == [Outcome.NEVER_HELD]
    text = f"Not sent: ada does not hold {audience(team)} (never did)."
    assert told(memo).startswith(text)


def test_who_lost_the_audience_before_was_not_sent_it(laptop, ada, team):
    remember(ada, ["everyone", audience(team)])
    at = publish().seq
    remember(ada, ["everyone"])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    assert outcomes(memo) == [Outcome.LOST]
    assert f"lost {audience(team)} at position {at}" in told(memo)


def test_who_lost_the_audience_after_had_to_forget_it(laptop, ada, team):
    remember(ada, ["everyone", audience(team)])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    remember(ada, ["everyone"])
    assert outcomes(memo) == [Outcome.TAKEN]


def test_a_right_of_which_the_hub_has_not_heard_is_told(laptop, ada, team):
    remember(ada, ["everyone"])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    join(ada, team)
    assert outcomes(memo) == [Outcome.UNNOTICED]
    assert "realtime.refresh()" in told(memo)


def test_a_new_user_is_judged_by_what_the_host_says(ada, team):
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    assert outcomes(memo, "ada") == [Outcome.NEVER_HELD]
    join(ada, team)
    assert outcomes(memo, "ada") == [Outcome.NEVER_CONNECTED]
    assert not Right.objects.exists()


def fail(user):
    raise OSError("the directory is down")


def test_a_host_that_cannot_say_is_no_reason_not_to_explain(laptop, ada, team, settings):
    remember(ada, ["everyone"])
    publish()
    settings.SYNC = settings.SYNC | {"AUDIENCES": f"{__name__}.fail"}
    [one] = explained(team).explained
    assert (one.outcome, one.is_given) == (Outcome.NEVER_CONNECTED, None)


def test_a_record_that_moves_is_explained_for_both_audiences(laptop, ada, team):
    other = Team.objects.create(name="red")
    remember(ada, ["everyone", audience(other)])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    memo.team = other
    memo.save()
    publish()
    found = explained(memo).explained
    told_of = [(one.entry.audience, one.entry.cause, one.outcome) for one in found]
    assert told_of == [
        (audience(team), "", Outcome.NEVER_HELD),
        (audience(team), "moved", Outcome.NEVER_HELD),
        (audience(other), "arrived", Outcome.NEVER_CONNECTED),
    ]


@pytest.mark.parametrize("hears_both", [True, False])
def test_that_a_record_left_is_not_in_pages_for_who_hears_where_it_went(
    laptop, ada, team, hears_both
):
    other = Team.objects.create(name="red")
    held = [audience(team), *([audience(other)] if hears_both else [])]
    remember(ada, ["everyone", *held])
    memo = Memo.objects.create(team=team, text="a secret")
    publish()
    memo.team = other
    memo.save()
    arrived = publish().seq
    left = explained(memo).explained[1]
    assert left.entry.cause == "moved"
    assert left.newer == (arrived if hears_both else None)


def test_what_pages_bring_instead_is_named(laptop, ada, team):
    publish()
    team.name = "navy"
    team.save()
    newest = publish().seq
    first, second = explained(team).explained
    assert (first.newer, second.newer) == (newest, None)
    assert str(newest) in sentence(first)


def test_one_change_or_those_since_a_time_can_be_asked_for(laptop, ada, team):
    publish()
    later = timezone.now()
    team.name = "navy"
    team.save()
    newest = publish().seq
    for options in ({"seq": newest}, {"since": later}):
        assert [entry.seq for entry in explained(team, **options).entries] == [newest]
    with pytest.raises(UnknownChange) as error:
        explained(team, seq=newest + 7)
    assert error.value.nearby == [str(newest), str(newest - 1)]
    with pytest.raises(UnknownChange):
        explained(team, since=timezone.now())


def test_the_newest_changes_are_explained_and_that_there_are_more_is_said(laptop, ada, team):
    for number in range(MOST_CHANGES):
        team.name = f"name {number}"
        team.save()
    publish()
    found = explained(team)
    assert [entry.seq for entry in found.entries] == list(range(2, MOST_CHANGES + 2))
    assert found.has_more


def test_a_record_that_was_written_past_the_log_has_no_entry(laptop, ada):
    with sync.allow_raw_sql(), database.cursor() as cursor:
        cursor.execute("INSERT INTO testapp_team (id, name) VALUES (500000, 'raw')")
    found = explained(Team(pk=500000))
    assert (found.entries, found.explained) == ([], [])


@pytest.mark.parametrize("pk", ["1000000", "no number", '["a",1]', ""])
def test_a_record_that_is_nowhere_is_an_error_that_names_its_neighbours(laptop, ada, team, pk):
    publish()
    clients = standings(LAPTOP, head(conf().DATABASE).epoch)
    with pytest.raises(UnknownRecord) as error:
        explain(clients, registry.get(Team), pk)
    assert error.value.nearby == [str(team.pk)]


def test_the_fields_that_do_not_sync_are_named(laptop, ada, team):
    assert explained(team).unsynced == []
    table = registry.find("testapp_account")
    every = {field.attname for field in table.model._meta.local_concrete_fields}
    assert every - table.fields, "an account has fields that look secret"


def queries(record, name):
    with CaptureQueriesContext(database) as found:
        explained(record, name)
    return found


def test_what_it_costs_grows_neither_with_changes_nor_with_clients(laptop, ada, team):
    publish()
    one = len(queries(team, "ada"))
    for number in range(10):
        Client.objects.create(client_id=f"phone-{number}", user=ada)
        team.name = f"name {number}"
        team.save()
    publish()
    found = queries(team, "ada")
    assert len(found) == one
    assert one <= 14
    assert not [query for query in found if '"data"' in query["sql"]]


def plan(sql):
    """Return how the database would run a statement, of all ways preferring one by index."""
    with database.cursor() as cursor:
        if database.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        else:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.skipif(database.vendor == "mysql", reason="its planner goes by the rows there are")
def test_the_log_is_never_read_without_an_index(laptop, ada, team):
    publish()
    with CaptureQueriesContext(database) as found:
        explained(team)
        explained(team, since=timezone.now() - datetime.timedelta(hours=1))
        for options in ({"seq": 10**6}, {"since": timezone.now()}):
            with pytest.raises(UnknownChange):
                explained(team, **options)
        with pytest.raises(UnknownRecord):
            explained(Team(pk=10**6))
    about_the_log = [query["sql"] for query in found if 'FROM "sync_log"' in query["sql"]]
    assert len(about_the_log) >= 8
    with transaction.atomic():
        plans = [plan(sql) for sql in about_the_log]
    unaided = re.compile(r"SCAN sync_log(?! USING INDEX sync_log_pending)|Seq Scan on sync_log")
    assert not [one for one in plans if unaided.search(one)]


# As it happens


@pytest_asyncio.fixture
async def come(running, token):
    """Connects the client of the token; all are away with the test."""
    every = []

    async def come(**fields):
        conversation = Conversation(SCOPE, Connection(RecordingTransport()), running)
        every.append(conversation)
        await conversation.begin(cookies_count=False)
        await conversation.answer(Hello(token=token, client_id=LAPTOP, **fields))
        return conversation

    yield come
    for conversation in every:
        await conversation.end()


async def change(running):
    """Change a record; return it, and where the log ends then."""

    def write():
        return Team.objects.create(name=f"team {timezone.now().isoformat()}")

    team = await off_loop(write)
    return team, await running.refresh()


async def eventually_told(record, *expected):
    await eventually(lambda: outcomes(record) == list(expected))


async def test_a_live_client_is_sent_a_change_and_acknowledges_it(running, come):
    conversation = await come()
    team, position = await change(running)
    await eventually_told(team, Outcome.SENT_LIVE)
    assert "has acknowledged nothing" in await off_loop(told, team)
    await conversation.answer(Ping(cursor=position.cursor))
    await eventually_told(team, Outcome.ACKNOWLEDGED)
    assert (await off_loop(told, team)).startswith("Sent live at ")
    await conversation.end()
    await eventually(lambda: not explained(team).explained[0].standing.is_connected)
    assert await off_loop(outcomes, team) == [Outcome.ACKNOWLEDGED]


async def test_a_client_that_left_before_gets_it_with_pages_when_it_comes_back(running, come):
    conversation = await come()
    before = running.position
    await conversation.end()
    await eventually(Client.objects.exclude(joined="").exists)
    team, _ = await change(running)
    await eventually_told(team, Outcome.AWAY)
    await come(cursor=before.cursor)
    await eventually_told(team, Outcome.SENT_IN_PAGES)
    assert f"acknowledged up to {before.seq}" in await off_loop(told, team)


async def test_a_client_that_does_not_ask_has_not_got_what_lies_before(running, come):
    team, _ = await change(running)
    conversation = await come()
    await eventually_told(team, Outcome.NOT_ASKED)
    await conversation.answer(SyncRequest())
    await eventually_told(team, Outcome.SENT_IN_PAGES)


async def test_a_client_that_does_not_read_is_told_of(running, come):
    conversation = await come()
    conversation._connection.transport.unsent = 10**9
    conversation._connection.fall_behind()
    team, _ = await change(running)
    await eventually_told(team, Outcome.NOT_READING)


async def test_a_client_that_narrowed_its_connection_is_told_of(running, come):
    await come(tables=["testapp_memo"])
    team, _ = await change(running)
    await eventually_told(team, Outcome.TABLE_LEFT_OUT)
    assert "testapp_memo" in await off_loop(told, team)


async def test_a_device_that_is_good_for_other_audiences_is_told_of(running, come):
    await come()
    team, _ = await change(running)
    await eventually_told(team, Outcome.SENT_LIVE)

    def limit():
        get_user_model().objects.get().hub_devices.update(audiences=["other"])

    await off_loop(limit)
    await eventually_told(team, Outcome.OUT_OF_SCOPE)
