"""Texts that a collation may take for one: to the log each is itself alone, on every database."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from realtime.encoding import LiveEvent
from sync import allow_raw_sql, redact
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import tail
from tests.realtime.doubles import connection_of
from tests.sync.observing import published
from tests.sync.wire import changes_in, live_frames, page_frames
from tests.testapp.models import Coupon

pytestmark = pytest.mark.django_db(transaction=True)

ALIKE = ["a", "A", "a ", "á", "Á", "ａ", "a\u0301", "ss", "ß", "SS"]
"""Differ in case, in a space at the end, in an accent, in width, in how an accent is written."""

AUDIENCES = [f"room:{name}" for name in ALIKE]


@pytest.fixture
def start():
    """One record for each of the audiences; returns where the log began."""
    start = publish()
    for number, name in enumerate(ALIKE):
        Coupon.objects.create(code=str(number), room=name, note=f"for number {number}")
    publish()
    return start


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_audience_hears_what_is_its_own_alone(start, audience):
    own = f"for number {AUDIENCES.index(audience)}"
    for frames in (
        live_frames(start, [audience]),
        page_frames(None, [audience]),
        page_frames(start, [audience]),
        page_frames(start, [audience], heard=AUDIENCES),
    ):
        assert [change["data"]["note"] for change in changes_in(frames)] == [own]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_connection_that_narrows_hears_what_is_its_own_alone(start, audience):
    read = tail(start, 100)
    narrowed = connection_of(None, *AUDIENCES)
    narrowed.audiences = frozenset([audience])
    narrowed.deliver([LiveEvent(start.epoch, entry) for entry in read.entries], read.position)
    [message] = narrowed.transport.messages
    assert message["data"]["data"]["note"] == f"for number {AUDIENCES.index(audience)}"


@pytest.mark.parametrize("other", ALIKE[1:])
def test_a_move_between_audiences_that_look_alike_is_a_move(other):
    Coupon.objects.create(code="7", room="a", note="first")
    start = publish()
    Coupon.objects.update(room=other, note="second")
    publish()
    [left] = changes_in(live_frames(start, ["room:a"]))
    assert (left["action"], left["cause"]) == ("delete", "moved")
    [came] = changes_in(page_frames(start, [f"room:{other}"]))
    assert (came["action"], came["data"]["note"]) == ("insert", "second")
    assert changes_in(page_frames(start, ["room:a"])) == [left | {"cursor": left["cursor"]}]


@pytest.fixture
def alike():
    """Records whose keys look alike."""
    for name in ALIKE:
        Coupon.objects.create(code=name, room="a", note=f"of {name}")
    publish()


@pytest.mark.usefixtures("alike")
def test_records_with_keys_that_look_alike_are_records_of_their_own():
    for name in ALIKE[::2]:
        Coupon.objects.filter(code=name).update(note="changed")
    Coupon.objects.filter(code="A").delete()
    publish()
    latest = {entry.record_id: entry for entry in published() if entry.latest}
    assert sorted(latest) == sorted(ALIKE)
    expected = dict.fromkeys(ALIKE[::2], ["note"]) | dict.fromkeys(ALIKE[1::2])
    assert {name: entry.changed_names for name, entry in latest.items()} == expected
    found = changes_in(page_frames(None, ["room:a"]))
    assert sorted(change["recordId"] for change in found) == sorted({*ALIKE} - {"A"})


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize("name", ALIKE)
def test_the_history_of_a_record_is_its_own(name):
    [entry] = SyncLog.objects.of_record("testapp_coupon", name)
    assert entry.values["note"] == f"of {name}"
    redact((Coupon, name), ["note"], keep=True)
    redacted = SyncLog.objects.exclude(redacted=None).values_list("record_id", flat=True)
    assert set(redacted) == {name}


@pytest.mark.usefixtures("alike")
def test_verifying_tells_them_apart():
    with allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_coupon SET note = 'raw' WHERE code = 'A'")
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("sync_verify", "testapp.Coupon", stdout=told)
    call_command("sync_verify", "testapp.Coupon", "--repair", stdout=told)
    publish()
    [repaired] = SyncLog.objects.filter(reason="sync_verify --repair")
    assert (repaired.record_id, repaired.changed_names) == ("A", ["note"])
    call_command("sync_verify", "testapp.Coupon", stdout=told)


EXACT = {"table", "record_id", "audience", "client_id"}


def exact_columns():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = database()"
            " AND table_name = 'sync_log' AND collation_name = 'utf8mb4_nopad_bin'"
        )
        return {name for (name,) in cursor.fetchall()}


def test_the_migration_can_be_taken_back_and_made_again(mariadb_only):
    assert exact_columns() == EXACT
    Coupon.objects.create(code="é", room="a")
    call_command("migrate", "sync", "0003", verbosity=0)
    try:
        assert exact_columns() == set()
    finally:
        call_command("migrate", "sync", verbosity=0)
    assert exact_columns() == EXACT
    assert [entry.record_id for entry in SyncLog.objects.all()] == ["é"]
