"""`sync_verify` prints what differs, records it if asked to, and its exit code tells."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios

import pytest
from django.core.management import CommandError, call_command

from sync.management.commands import sync_verify
from sync.models import SyncLog
from sync.publishing import publish
from sync.registry import registry
from tests.support.environment import ROOT, child_environment
from tests.sync.behind import (
    assert_whole,
    stocks,
    unrecorded,
)
from tests.testapp.models import (
    Owner,
    Stock,
)


def run(*arguments, **options):
    out = io.StringIO()
    call_command("sync_verify", *arguments, stdout=out, **options)
    return out.getvalue().splitlines()


def run_and_find(*arguments, **options):
    """Return what the command prints that ends with an error, and the error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("sync_verify", *arguments, stdout=out, **options)
    assert error.value.returncode == 1
    return [*out.getvalue().splitlines(), str(error.value)]


@pytest.mark.django_db
class TestTheCommand:
    @pytest.fixture
    def different(self):
        made = stocks(5)
        with unrecorded(Stock):
            Stock.objects.filter(pk=made[0].pk).update(sku="x" * 20, quantity=7)
            Stock.objects.filter(pk=made[1].pk).delete()
            Stock.objects.create(pk=made[4].pk + 1, sku="new", warehouse="n")
        return made

    def test_it_prints_what_differs_and_fails(self, different):
        key = different[0].pk
        assert run_and_find("testapp.Stock") == [
            f'testapp.Stock {key}: different values: quantity 0 -> 7, sku "0" -> "{"x" * 20}"',
            f"testapp.Stock {key + 1}: missing in the table",
            f"testapp.Stock {key + 5}: missing in the log",
            "testapp.Stock: 5 records in 1 ranges, of which 1 read again: 1 missing in the log,"
            " 1 missing in the table, 1 different values",
            "3 records differ. Record what the tables hold by --repair.",
        ]

    def test_it_repairs_and_succeeds(self, different):
        assert run("testapp.Stock", repair=True)[-1].endswith("; 3 repaired")
        assert SyncLog.objects.pending().count() == 0
        assert_whole(Stock)
        assert run("testapp.Stock") == [
            "testapp.Stock: 5 records in 1 ranges, of which 0 read again: no differences"
        ]

    def test_what_it_repairs_does_not_pile_up(self, different, sync_settings, monkeypatch):
        sync_settings(PUBLISH_BATCH=2)
        waited = []

        def counted(using):
            waited.append(SyncLog.objects.pending().count())
            return publish(using)

        monkeypatch.setattr(sync_verify, "publish", counted)
        run("testapp.Stock", repair=True)
        assert len(waited) == 2
        assert waited[-1] == 1

    def test_it_prints_as_many_as_wanted_and_counts_all(self, different):
        lines = run_and_find("testapp.Stock", limit=1)
        assert len(lines) == 3
        assert lines[-1].startswith("3 records differ")
        assert len(run_and_find("testapp.Stock", limit=0)) == 2

    def test_long_values_are_cut(self, db):
        owner = Owner.objects.create(name="a")
        with unrecorded(Owner):
            Owner.objects.update(name="b" * 100)
        [line, *_] = run_and_find("testapp.Owner")
        shown = '"' + "b" * 59
        assert line == (
            f'testapp.Owner {owner.pk}: different values: name "a" -> {shown}… (102 characters)'
        )

    def test_a_field_that_the_log_lacks_is_told_as_absent(self, register):
        register(Owner, fields=["id"])
        Owner.objects.create(name="a")
        register(Owner)
        assert run_and_find("testapp.Owner")[0].endswith('different values: name (absent) -> "a"')

    def test_all_registered_models_are_compared(self):
        assert len(run()) == len(list(registry))

    def test_the_named_models_alone_are_compared(self, different):
        assert len(run("testapp.Owner", "testapp.Ticket")) == 2

    @pytest.mark.parametrize("label", ["testapp.Unseen", "testapp.Nothing", "no.Owner", "Owner"])
    def test_a_model_that_is_not_registered_is_refused(self, label):
        with pytest.raises(CommandError):
            run(label)

    def test_an_unknown_database_is_refused(self):
        with pytest.raises(CommandError, match="no database 'elsewhere'"):
            run(database="elsewhere")

    @pytest.mark.parametrize("arguments", [["--range-size", "0"], ["--limit", "-1"]])
    def test_impossible_numbers_are_refused(self, arguments):
        with pytest.raises(CommandError):
            run(*arguments)

    def test_what_cannot_be_recorded_is_left_and_said(self, register, different):
        register(Stock, audience=lambda stock: "a" * 300)
        lines = run_and_find("testapp.Stock", repair=True)
        assert sum("not repaired: The audience" in line for line in lines) == 5
        assert lines[-1] == "5 of the records that differ are not repaired: run it again."


@pytest.mark.django_db(transaction=True)
def test_a_bar_is_shown_to_a_person_and_the_exit_code_tells():
    stocks(7)
    assert "testapp.Stock: 100%" in in_a_terminal("testapp.Stock", code=0)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    assert "7 records differ" in in_a_terminal("testapp.Stock", "-v", "0", code=1)
    assert in_a_terminal("testapp.Stock", "-v", "0", "--repair", code=0) == ""


def in_a_terminal(*arguments, code):
    """Return what the command writes to the terminal that is its standard error."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    with os.fdopen(terminal, "rb", buffering=0) as shown:
        process = subprocess.run(
            [sys.executable, "manage.py", "sync_verify", *arguments],
            cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=end, timeout=120,
        )  # fmt: skip
        os.write(end, b"\x00")
        os.close(end)
        text = b""
        while not text.endswith(b"\x00"):
            text += shown.read(4096)
    assert process.returncode == code, text
    return text[:-1].decode()
