"""A new epoch: nobody goes on from before it, whatever they kept."""

from __future__ import annotations

import datetime
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from sync.epochs import start_new_epoch
from sync.models import LogHead
from sync.publishing import publish
from sync.reading import changes_since, tail
from tests.support.manage import manage
from tests.support.state import database_state
from tests.sync.observing import applied, brief, published
from tests.sync.paging import EVERYONE, from_client, names, owners

pytestmark = pytest.mark.django_db(transaction=True)


def assert_starts_anew(page):
    assert page.reset
    assert applied({}, page.changes) == database_state()


def test_every_cursor_of_the_old_epoch_starts_anew():
    owners(3)
    cursors = [changes_since(None, EVERYONE, limit=1).position, publish()]
    before = brief(published())
    start_new_epoch()
    for cursor in cursors:
        assert_starts_anew(changes_since(from_client(cursor), EVERYONE))
    assert brief(published()) == before


def test_every_time_of_the_old_epoch_starts_anew():
    """For a client that asks by time alone has nothing else to be told by."""
    owners(2)
    publish()
    began = timezone.now()
    start_new_epoch()
    owners(2)
    for since in (published()[0].published_at, published()[1].published_at, began):
        assert_starts_anew(changes_since(since, EVERYONE))


def test_who_started_anew_goes_on_from_there():
    owners(2)
    publish()
    head = start_new_epoch()
    page = changes_since(None, EVERYONE)
    assert (page.position.epoch, page.position.seq) == (head.epoch, head.seq)
    assert page.position.published_at == head.published_at
    assert not changes_since(page.position, EVERYONE).reset
    later = page.position.published_at + datetime.timedelta(microseconds=1)
    assert not changes_since(later, EVERYONE).reset
    owners(1)
    again = changes_since(from_client(page.position), EVERYONE)
    assert (names(again), again.reset) == (["0"], False)
    assert [entry.seq for entry in published()] == [1, 2, 4]


def test_what_waits_for_its_number_gets_it_in_the_new_epoch():
    owners(1)
    start_new_epoch()
    assert names(changes_since(None, EVERYONE)) == ["0"]


def test_the_tail_says_that_the_log_was_replaced():
    owners(1)
    start = publish()
    start_new_epoch()
    found = tail(start, 10)
    assert (found.is_replaced, found.position) == (True, publish())
    assert not tail(found.position, 10).is_replaced


def test_a_new_epoch_inside_a_transaction_is_refused():
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        start_new_epoch()


def test_the_command_says_where_the_log_ends_and_what_it_did():
    owners(2)
    end = publish()
    LogHead.objects.update(published_at=timezone.now() - datetime.timedelta(days=3, hours=2))
    out = io.StringIO()
    call_command("sync_new_epoch", "--no-input", stdout=out)
    first, last = out.getvalue().replace("\xa0", " ").splitlines()
    assert f"'default', epoch {end.epoch}, ends at number 2, published " in first
    assert first.endswith("3 days, 2 hours ago.")
    assert last == f"The epoch is now {publish().epoch}: every client starts anew."
    assert publish().epoch != end.epoch


@pytest.mark.parametrize(
    ("typed", "is_done"),
    [("yes\n", True), ("YES", True), ("no\n", False), ("y\n", False), ("", False)],
)
def test_the_command_asks_first(typed, is_done):
    before = publish().epoch
    done = manage("sync_new_epoch", input=typed, check=is_done)
    assert "drop what it holds" in done.stdout
    assert (publish().epoch != before) is is_done
    assert is_done or "Nothing was changed. --yes does not ask." in done.stderr


@pytest.mark.parametrize("option", ["--yes", "--no-input", "--noinput"])
def test_the_command_does_not_ask_who_said_yes(option, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("it asked"))
    before = publish().epoch
    call_command("sync_new_epoch", option, stdout=io.StringIO())
    assert publish().epoch != before


def test_the_command_refuses_a_database_that_there_is_not():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("sync_new_epoch", "--yes", "--database", "nowhere")
