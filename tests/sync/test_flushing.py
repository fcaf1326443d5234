"""`manage.py flush` empties the log with the tables, and no client may think it has missed
nothing."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

import sync
from sync.models import LogHead, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from sync.registry import registry
from tests.support.state import database_state
from tests.sync.observing import applied
from tests.testapp.models import Article, Label, Owner

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE = [sync.EVERYONE]


def flush():
    call_command("flush", interactive=False, verbosity=0)


def client_state(cursor=None):
    """Return what a client holds that starts from zero, and the position it goes on from."""
    page = changes_since(cursor, EVERYONE)
    assert not page.has_more
    return applied({}, page.changes), page.position


@pytest.fixture
def before():
    """The position of a client that has seen all there was before the flush."""
    article = Article.objects.create(title="a")
    article.labels.add(Label.objects.create(name="b"))
    Owner.objects.create(name="Ada").delete()
    state, cursor = client_state()
    assert state == database_state() != {}
    return cursor


def test_a_flush_empties_the_log_and_its_head(before):
    flush()
    assert not SyncLog.objects.exists()
    assert not LogHead.objects.exists()
    assert database_state() == {}


def test_a_cursor_from_before_a_flush_is_reset(before):
    flush()
    page = changes_since(before, EVERYONE)
    assert page.reset
    assert list(page.changes) == []
    assert page.position != before


def test_a_cursor_is_reset_also_when_the_new_log_has_grown_beyond_it(before):
    flush()
    Owner.objects.bulk_create([Owner(name=str(number)) for number in range(20)])
    publish()
    page = changes_since(before, EVERYONE)
    assert page.reset
    assert applied({}, page.changes) == database_state()


def test_no_record_is_unknown_after_a_flush(before):
    """What the flush itself makes anew (permissions, content types) does not sync; what is made
    after it does, also under keys that were used before."""
    flush()
    assert client_state()[0] == database_state() == {}
    owner = Owner.objects.create(name="new")
    article = Article.objects.create(title="new")
    article.labels.add(Label.objects.create(name="new"))
    state, cursor = client_state()
    assert state == database_state()
    owner.delete()
    page = changes_since(cursor, EVERYONE)
    assert not page.reset
    assert applied(state, page.changes) == database_state()


def test_what_a_flush_truncates_includes_the_log_wherever_a_table_syncs():
    """Django empties every table of its models by one command; the log must not stay behind."""
    from django.core.management.color import no_style
    from django.core.management.sql import sql_flush

    sql = "\n".join(sql_flush(no_style(), connection))
    names = ["sync_log", "sync_log_head", *(registration.table for registration in registry)]
    quote = connection.ops.quote_name
    assert [name for name in names if quote(name) not in sql] == []
