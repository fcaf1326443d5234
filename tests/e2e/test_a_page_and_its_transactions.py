"""Where a page ends: never inside a transaction, unless that alone is larger than a page."""

from __future__ import annotations

import itertools

import pytest
from django.db import transaction

from hubproject.models import Task
from tests.support.coming_back import comes_back, is_whole
from tests.support.ledger import missed_since, numbers, numbers_received
from tests.support.off_loop import off_loop
from tests.support.varied import varied

LIMIT = 10


def write_transactions(project, *sizes):
    for size in sizes:
        with transaction.atomic():
            for number in range(size):
                project.tasks.create(title=f"{number + 1} of {size}")


def pages_of(client, known=0):
    """Return the pages that a client got, each as the transactions of its changes."""
    return [
        [change["transaction"] for change in message["changes"]]
        for message in client.received[known:]
        if message["type"] == "sync_response"
    ]


def split(pages):
    """Return the transactions that more than one page has a part of."""
    return [
        name
        for first, second in itertools.combinations(pages, 2)
        for name in set(first) & set(second)
    ]


@pytest.fixture
async def away(start_hub, connect, token, project):
    """A client of a hub with small pages, which has gone."""
    hub = start_hub(**varied(SYNC={"PAGE_LIMIT": LIMIT}))
    client = await (await connect(hub, token=token)).join()
    await client.close()
    return client


async def test_a_page_that_would_end_inside_a_transaction_ends_before_it(away, project):
    await off_loop(write_transactions, project, 5, 4, 4, 9, 1, 10, 3)
    known = len(away.received)
    await comes_back(away)
    pages = pages_of(away, known)
    assert [len(page) for page in pages] == [9, 4, 10, 10, 3]
    assert split(pages) == []


async def test_a_transaction_larger_than_a_page_is_split_and_arrives_whole(away, project):
    await off_loop(write_transactions, project, 2, 25, 2)
    known = len(away.received)
    await comes_back(away)
    pages = pages_of(away, known)
    assert max(map(len, pages)) == LIMIT
    [large] = set(split(pages))
    assert sum(page.count(large) for page in pages) == 25


async def test_a_client_lost_between_the_pages_of_one_transaction_goes_on_there(
    start_hub, connect, token, project
):
    await off_loop(write_transactions, project, 25)
    client = await connect(start_hub(), token=token, token_in="header")
    pages = 1
    while (await client.ask(one_page(client)))["hasMore"]:
        await client.drop()
        await client.connect()
        pages += 1
    assert pages == 4, "the project, then the tasks in three parts"
    await is_whole(client)


def one_page(client, limit=LIMIT):
    cursor = {"cursor": client.cursor} if client.cursor else {}
    return {"type": "sync_request", "limit": limit} | cursor


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_the_smallest_pages_bring_everything(hub, connect, token, project, limit):
    await off_loop(write_transactions, project, 1, 2, 3, 1)
    client = await connect(hub, token=token)
    await client.hello()
    await client.sync(limit=limit)
    assert numbers_received(client.changes()) == numbers(await off_loop(missed_since, None))
    assert max(map(len, pages_of(client))) <= limit
    await is_whole(client)


async def test_a_page_of_one_change_while_everything_changes(hub, connect, token, project):
    """Changes made between the pages move records to the end, and none of them is lost."""
    await off_loop(write_transactions, project, 6)
    client = await connect(hub, token=token)
    await client.hello()
    for task in await off_loop(lambda: list(Task.objects.order_by("-pk"))):
        page = await client.ask(one_page(client, 1))
        assert page["hasMore"]
        await off_loop(Task.objects.filter(pk=task.pk).update, title="moved to the end")
    await client.sync(limit=1)
    await is_whole(client)


async def test_an_answer_has_all_that_was_committed_however_much_waited_to_be_published(
    start_hub, connect, token, project
):
    hub = start_hub(**varied(SYNC={"PUBLISH_BATCH": 20}, REALTIME={"RELAY_BATCH": 10}))
    client = await connect(hub, token=token)
    await client.hello()
    for _ in range(2):
        await off_loop(write_transactions, project, *[1] * 100)
        await client.sync()
        await is_whole_whatever_came_twice(client)


async def is_whole_whatever_came_twice(client):
    """A page that a live client asks for may hold what has just come as events."""
    client.repeated = client.out_of_order = 0
    await is_whole(client)
