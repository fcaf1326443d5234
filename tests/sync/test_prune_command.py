"""`manage.py sync_prune`: what it takes, says and refuses."""

from __future__ import annotations

import datetime
import io

import pytest
from django.core.management import CommandError, call_command

from sync.registry import registry
from tests.sync.aging import grow_older, horizon
from tests.sync.observing import published
from tests.sync.paging import owners
from tests.sync.terminal import run_with_a_terminal
from tests.testapp.models import Owner, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old_log():
    """Five entries that are two days old, four of which have no use any more."""
    gone, stays = owners(2)
    gone.delete()
    stays.name = "new"
    stays.save()
    Ticket.objects.create(subject="a").delete()
    Owner.objects.update(name="newer")
    grow_older(days=2)


def run(*arguments, **options):
    out = io.StringIO()
    call_command("sync_prune", *arguments, stdout=out, **options)
    return out.getvalue().splitlines()


@pytest.mark.usefixtures("old_log")
@pytest.mark.parametrize("age", ["1d", "47h", "2879m", "172000s", " 1d ", "0d"])
def test_it_says_per_model_what_went(age):
    told = run("--older-than", age)
    assert {"testapp.Owner: 4 removed", "testapp.Ticket: 2 removed"} <= set(told)
    assert "testapp.Stock: 0 removed" in told
    assert len(told) == len({registration.table for registration in registry})
    assert (len(published()), horizon()) == (1, 6)


@pytest.mark.usefixtures("old_log")
@pytest.mark.parametrize("age", ["3d", "1w", "49h"])
def test_what_is_not_old_enough_stays(age):
    assert all(line.endswith(": 0 removed") for line in run("--older-than", age))
    assert len(published()) == 7


@pytest.mark.usefixtures("old_log")
def test_it_prunes_the_named_models_alone():
    assert run("testapp.Ticket", "--older-than", "1d") == ["testapp.Ticket: 2 removed"]


@pytest.mark.usefixtures("old_log")
def test_models_that_are_registered_no_longer_are_named_by_their_table(unregister):
    unregister(Ticket)
    assert "testapp_ticket: 2 removed" in run("--older-than", "1d")


@pytest.mark.usefixtures("old_log")
def test_a_model_that_is_registered_no_longer_can_be_named(unregister):
    unregister(Ticket)
    assert run("testapp.Ticket", "--older-than", "1d") == ["testapp.Ticket: 2 removed"]


@pytest.mark.usefixtures("old_log")
def test_a_dry_run_says_what_would_go():
    told = run("testapp.Owner", "--older-than", "1d", "--dry-run")
    assert told == ["testapp.Owner: 4 would be removed"]
    assert len(published()) == 7


@pytest.mark.usefixtures("old_log")
def test_without_an_age_the_retention_counts(register):
    register(Owner, retention=datetime.timedelta(hours=47))
    assert run("testapp.Owner") == ["testapp.Owner: 4 removed"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["testapp.Owner"],
        ["testapp.Nothing", "--older-than", "1d"],
        ["nothing.Owner", "--older-than", "1d"],
        ["Owner", "--older-than", "1d"],
        ["--older-than", ""],
        ["--older-than", "90"],
        ["--older-than", "1.5d"],
        ["--older-than", "-1d"],
        ["--older-than", "1y"],
        ["--older-than", "9" * 30 + "d"],
        ["--older-than", "1d", "--batch", "0"],
        ["--older-than", "1d", "--batch", "many"],
        ["--older-than", "1d", "--database", "nowhere"],
    ],
)
def test_what_cannot_be_done_is_an_error_that_says_so(arguments):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert str(caught.value)


def test_nothing_to_prune_by_is_an_error_that_says_what_to_give():
    with pytest.raises(CommandError, match=r"--older-than, register with .*SYNC\['RETENTION'\]"):
        run()


@pytest.mark.usefixtures("old_log")
def test_it_shows_a_bar_to_a_person_and_none_to_a_log():
    dry = ["sync_prune", "--older-than", "1d", "--batch", "2", "--dry-run"]
    shown = run_with_a_terminal(*dry)
    assert "sync_log: 100%" in shown
    assert "7/7" in shown
    assert run_with_a_terminal(*dry, "-v", "0") == ""
