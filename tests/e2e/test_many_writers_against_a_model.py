"""Generated plans for many threads: the log is as the model says, and every client ends whole."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sync.models import SyncLog
from tests.support.coming_back import is_whole
from tests.support.environment import database_kind
from tests.support.ledger import heard_after, numbers, numbers_received, seq_of
from tests.support.off_loop import eventually, off_loop
from tests.support.planned import Planned
from tests.support.plans import plans
from tests.support.varied import varied

EXAMPLES = int(os.environ.get("HUB_TEST_EXAMPLES", "12"))
CLIENTS = 3
TICKETS, DIARIES = "testapp_ticket", "testapp_everything"

# Threads do not repeat themselves: a smaller plan that passes says nothing.
as_real = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def clients(start_hub, connect, token):
    """Clients of two hubs without Redis, of which the first never leaves."""
    # Slow enough for transactions to gather, fast enough to come between those of one round.
    hubs = [start_hub(**varied(REALTIME={"TICK": tick})) for tick in (0.05, 0.08)]
    return [await connect(hubs[n % 2], token=token) for n in range(CLIENTS)]


@as_real
@given(plan=plans(CLIENTS, ordered=database_kind() == "postgresql"))
async def test_the_log_and_every_client_end_as_the_model_says(clients, plan):
    stays = clients[0]
    if not stays.caught_up:
        for client in clients:
            await client.join()
    began_at, known = stays.cursor, len(stays.changes())
    planned = await off_loop(Planned, plan)
    for round in plan.rounds:
        writing = asyncio.create_task(off_loop(planned.carry_out_next_round))
        for client, visit in zip(clients[1:], round.visits[1:], strict=True):
            await pay(client, visit)
        await writing
    log = await eventually(published_since, began_at)
    await off_loop(assert_the_log_is_as_planned, planned, log)
    heard = numbers(await off_loop(heard_after, began_at))
    await stays.wait_for(lambda client: seq_of(client.cursor) >= heard[-1])
    assert numbers_received(stays.changes()[known:]) == heard
    for client in clients:
        await pay(client, "return")
        await client.wait_for(lambda client: seq_of(client.cursor) >= heard[-1])
        await is_whole(client)


async def pay(client, visit):
    """Have a client leave in this way, or come back."""
    if visit == "close":
        await client.close()
    elif visit == "drop":
        await client.drop()
    elif visit == "return" and not client.is_open:
        await client.reconnect()


def published_since(cursor):
    """Return the log after the cursor, or nothing while it is not published to its end."""
    if SyncLog.objects.pending().exists():
        return []
    return list(SyncLog.objects.filter(seq__gt=seq_of(cursor)).order_by("seq"))


def assert_the_log_is_as_planned(planned, log):
    first = log[0].seq
    assert numbers(log) == list(range(first, first + len(log))), "a number is missing"
    runs = [name for name, _ in itertools.groupby(log, lambda entry: entry.transaction)]
    assert len(runs) == len(set(runs)), "a transaction's changes lie apart"
    histories = defaultdict(list)
    for entry in log:
        if entry.table == TICKETS and not entry.is_unchanged:
            histories[entry.record_id].append((entry.action, entry.values["subject"]))
    for model in planned.models:
        for key, history in model.histories.items():
            assert histories.pop(str(key), []) == history
    assert not histories, "somebody wrote what nobody planned"
    assert_the_diary_was_written_in_order(planned, log)


def assert_the_diary_was_written_in_order(planned, log):
    texts = [entry.values["text"] for entry in log if entry.table == DIARIES]
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    marks = [after.removeprefix(before) for before, after in itertools.pairwise(texts)]
    assert sorted(marks) == sorted(f"{mark};" for model in planned.models for mark in model.marks)
    planned.diary.refresh_from_db()
    assert planned.diary.text == texts[-1]
