"""How far a client came is kept when its connection ends, however it ends."""

from __future__ import annotations

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import departures
from realtime.client_ids import generated_client_id
from realtime.departures import CHUNK, MOST_WAITING, Departure, Departures, forget_old, store
from realtime.keeping import FORGET_AFTER
from realtime.models import Client, Presence
from realtime.relay import relay
from tests.realtime.doubles import connection_of, position
from tests.realtime.rows import row, seen
from tests.support.off_loop import eventually, off_loop
from tests.support.threads import with_own_connection
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)

JOINED, REACHED, STOPPED = (position(seq).cursor for seq in (5, 9, 7))

MANY = 2500


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


def client_of(user, client_id="laptop", **fields):
    return Client.objects.create(client_id=client_id, user=user, **fields)


def departure(user, client_id="laptop", *, at=None, **fields):
    values = {"client_id": client_id, "user_id": str(user.pk), "joined": JOINED}
    return Departure(seen(1, **(values | fields)), REACHED, at or timezone.now())


def kept(client_id="laptop"):
    return Client.objects.get(client_id=client_id)


def test_how_far_a_client_came_is_kept_with_its_id(ada):
    client_of(ada)
    said = {"acknowledged": JOINED, "device_id": 7, "tables": ("tasks",), "granted": ("a",)}
    store([departure(ada, **said, caught_up=True)])
    row = kept()
    assert (row.joined, row.handed, row.sent, row.acknowledged) == (
        *(JOINED, REACHED, REACHED),
        JOINED,
    )
    assert (row.device_id, row.tables, row.asked, row.granted) == (7, ["tasks"], None, ["a"])


def test_one_that_did_not_read_came_no_further_than_it_was_served(ada):
    client_of(ada)
    store([departure(ada, stopped=STOPPED, caught_up=True)])
    assert (kept().handed, kept().sent) == (STOPPED, STOPPED)


def test_what_a_connection_leaves_open_is_known_from_the_one_before(ada):
    client_of(ada, acknowledged="before", sent="before")
    store([departure(ada)])
    assert (kept().acknowledged, kept().sent, kept().handed) == ("before", "before", REACHED)


def test_a_connection_that_ends_late_does_not_undo_what_a_newer_one_did(ada):
    client_of(ada)
    now = timezone.now()
    newer = departure(ada, connected_at=now, acknowledged="newer")
    older = departure(ada, connected_at=now - datetime.timedelta(minutes=1), acknowledged="older")
    store([newer, older])
    assert kept().acknowledged == "newer"
    store([older])
    assert kept().acknowledged == "newer"


def test_a_generated_id_has_a_row_once_its_client_has_left(ada):
    client_id = generated_client_id(ada)
    store([departure(ada, client_id, acknowledged=JOINED)])
    assert (kept(client_id).user, kept(client_id).acknowledged) == (ada, JOINED)


def test_an_id_that_was_freed_stays_free(ada, django_user_model):
    store([departure(ada)])
    assert not Client.objects.exists()
    grace = django_user_model.objects.create(username="grace")
    client_of(grace)
    store([departure(ada, acknowledged=JOINED)])
    assert (kept().user, kept().acknowledged) == (grace, "")


def test_a_user_who_is_gone_keeps_nobody_elses_from_being_stored(ada, django_user_model):
    gone = django_user_model.objects.create(username="gone")
    mine, others = generated_client_id(ada), generated_client_id(gone)
    pair = [departure(ada, mine), departure(gone, others)]
    gone.delete()
    store(pair)
    assert [row.client_id for row in Client.objects.all()] == [mine]


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_user_who_is_deleted_meanwhile_keeps_nobody_elses_from_being_stored(
    ada, django_user_model, monkeypatch, known
):
    bob = django_user_model.objects.create(username="bob")
    ids = {user: generated_client_id(user) for user in (ada, bob)}
    if known:
        for user, client_id in ids.items():
            client_of(user, client_id)
    upsert, deleted = departures._upsert, []

    def upsert_late(using, rows):
        if not deleted:
            deleted.append(bob.delete())
        upsert(using, rows)

    monkeypatch.setattr(departures, "_upsert", upsert_late)
    store([departure(user, client_id) for user, client_id in ids.items()])
    assert [client.client_id for client in Client.objects.all()] == [ids[ada]]


def test_many_cost_few_statements(ada):
    names = [generated_client_id(ada) for _ in range(MANY)]
    with CaptureQueriesContext(database) as found:
        store([departure(ada, name) for name in names])
    most = database.features.max_query_params or CHUNK * 20
    inserts = -(-MANY // min(CHUNK, most // len(Client._meta.fields)))
    assert Client.objects.count() == MANY
    assert len(found) <= inserts + 6 * -(-MANY // CHUNK)


def test_a_database_that_cannot_be_written_does_not_fill_the_memory():
    waiting = Departures()
    for number in range(MOST_WAITING + 10):
        waiting.note(seen(number), position(9))
    left = waiting.waiting()
    assert len(left) == MOST_WAITING
    assert left[-1].seen.client_id == f"client {MOST_WAITING + 9}"
    waiting.note(seen(0), position(9))
    waiting.stored(left)
    assert [one.seen.client_id for one in waiting.waiting()] == ["client 0"]


def test_who_had_no_user_is_not_noted():
    waiting = Departures()
    waiting.note(None, position(9))
    assert waiting.waiting() == []


# By a relay


async def test_a_connection_that_ends_leaves_how_far_it_came(running, ada):
    await off_loop(client_of, ada)
    connection = connection_of(ada)
    running.join(connection)
    connection.acknowledged, connection.caught_up = JOINED, True
    running.leave(connection)
    running.leave(connection)
    at = running.position.cursor
    row = await eventually(Client.objects.filter(acknowledged=JOINED).first)
    assert (row.joined, row.handed, row.sent) == (at, at, at)


async def test_a_failure_to_store_it_is_made_up_for(settings, running, ada, monkeypatch):
    settings.REALTIME = {"TICK": 0.02}
    failures = []

    def failing(left):
        if left and len(failures) < 2:
            failures.append(left)
            raise OSError("the database is away")
        store(left)

    monkeypatch.setattr(departures, "store", failing)
    await off_loop(client_of, ada)
    connection = connection_of(ada)
    running.join(connection)
    connection.acknowledged = JOINED
    running.leave(connection)
    await eventually(Client.objects.filter(acknowledged=JOINED).exists)
    assert len(failures) == 2


async def test_a_relay_that_ends_keeps_how_far_its_clients_came(ada):
    await off_loop(client_of, ada)
    async with relay() as running:
        await running.refresh()
        connection = connection_of(ada)
        running.join(connection)
        connection.acknowledged = JOINED
        running.leave(connection)
    assert (await off_loop(kept)).acknowledged == JOINED


async def test_the_rows_say_how_far_their_process_has_come(settings, running, ada):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    connection = connection_of(ada)
    running.join(connection)
    running.position = position(9)
    await eventually(Presence.objects.filter(reached=REACHED, stopped="").exists)
    connection.position, connection.behind = position(7), True
    await eventually(Presence.objects.filter(reached=REACHED, stopped=STOPPED).exists)


async def test_a_process_that_was_killed_loses_what_its_rows_know_to_nobody(settings, running, ada):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02, "PRESENCE_TIMEOUT": 1}

    def killed():
        client_of(ada)
        said = {"user_id": str(ada.pk), "acknowledged": JOINED, "reached": REACHED}
        return row(silent_for=FORGET_AFTER + 1, relay=uuid.UUID(int=2), joined=JOINED, **said)

    dead = await off_loop(killed)
    await eventually(lambda: not Presence.objects.filter(pk=dead.pk).exists())
    found = await off_loop(kept)
    assert (found.acknowledged, found.handed, found.last_seen_at) == (JOINED, REACHED, dead.seen_at)


# Forgetting


DAY = datetime.timedelta(days=1)


def test_clients_that_do_not_come_back_are_forgotten(ada, settings):
    settings.REALTIME = {"CLIENT_RETENTION": 30 * DAY.total_seconds()}
    now = timezone.now()
    for name, days in {"away": 31, "back": 29, "open": 31}.items():
        client_of(ada, name, last_seen_at=now - days * DAY)
    row("open")
    forget_old()
    assert sorted(Client.objects.values_list("client_id", flat=True)) == ["back", "open"]


@pytest.mark.parametrize("ever", [0, None])
def test_without_a_retention_clients_are_known_for_ever(ada, settings, ever):
    settings.REALTIME = {"CLIENT_RETENTION": ever}
    client_of(ada, last_seen_at=timezone.now() - 10_000 * DAY)
    forget_old()
    assert Client.objects.exists()


async def test_a_relay_forgets_them(settings, running, ada):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    await off_loop(lambda: client_of(ada, last_seen_at=timezone.now() - 91 * DAY))
    running.members_changed.set()
    await eventually(lambda: not Client.objects.exists())


def test_a_transaction_of_the_host_that_locks_users_is_no_deadlock(
    postgresql_only, ada, django_user_model
):
    """A new client's row locks its user's. Held together with others', it would lock the host out
    that has locked them in another order."""
    bea = django_user_model.objects.create_user("bea")
    first, second = sorted((ada, bea), key=lambda user: str(user.pk))
    departures = [departure(user, generated_client_id(user)) for user in (first, second)]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            django_user_model.objects.select_for_update().get(pk=second.pk)
            stored = pool.submit(with_own_connection, lambda: store(departures))
            wait_until_somebody_waits_for_a_lock()
            django_user_model.objects.select_for_update().get(pk=first.pk)
        stored.result(SECONDS)
    assert Client.objects.count() == 2
