"""Raw SQL that writes past capture is noticed, and nothing else is."""

from __future__ import annotations

import inspect
import logging
import pickle
import threading

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, connections, migrations, models, transaction
from django.db.migrations.state import ProjectState
from django.db.models import F
from django.db.models.signals import post_save
from django.test import utils

import sync
from sync import capture, detector, signals
from sync.models import SyncLog
from tests.support.threads import in_threads
from tests.sync.writes import WRITES, Write
from tests.testapp.models import Owner, Restaurant, Team, Unseen

pytestmark = pytest.mark.django_db

UPDATE = "UPDATE testapp_owner SET name = 'z'"
UPDATE_NONE = UPDATE + " WHERE name = 'nobody'"


@pytest.fixture
def owner():
    return Owner.objects.create(name="a")


@pytest.fixture
def heard():
    """Collect what the signal of uncaptured writes carries."""
    found = []

    def hear(sender, signal, **arguments):
        found.append({"sender": sender, **arguments})

    signals.uncaptured.connect(hear)
    yield found
    signals.uncaptured.disconnect(hear)


@pytest.fixture
def warn(sync_settings, heard):
    """Let raw SQL write, and collect what is said of it."""
    sync_settings(RAW_SQL="warn")
    return heard


@pytest.fixture
def returning():
    if not connection.features.can_return_columns_from_insert or connection.vendor == "mysql":
        pytest.skip("about databases that return rows from every write")


def run(sql, params=None, *, many=False):
    with connection.cursor() as cursor:
        (cursor.executemany if many else cursor.execute)(sql, params)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def names():
    return sorted(Owner.objects.values_list("name", flat=True))


WRITING = [
    ("INSERT", "INSERT INTO testapp_owner (name) VALUES ('z')"),
    ("INSERT", "INSERT INTO testapp_owner (name) SELECT name FROM testapp_owner"),
    ("UPDATE", UPDATE),
    ("UPDATE", "/* nightly */ update testapp_owner set name = 'z'"),
    ("DELETE", "DELETE FROM testapp_owner"),
]


@pytest.mark.parametrize(("verb", "sql"), WRITING)
@pytest.mark.parametrize("mode", ["", "error"])
def test_under_test_raw_sql_is_refused_and_does_not_stay(verb, sql, mode, owner, sync_settings):
    sync_settings(RAW_SQL=mode)
    with pytest.raises(sync.UncapturedWrite) as caught:
        run(sql)
    assert (caught.value.table, caught.value.verb) == ("testapp_owner", verb)
    assert names() == ["a"]


@pytest.mark.parametrize("table", ["TestApp_Owner", "{schema}.testapp_owner", '"testapp_owner"'])
def test_a_table_is_known_however_it_is_written(table, owner):
    if connection.vendor == "mysql" and "schema" not in table:
        pytest.skip("about databases that fold case and quote names as the standard says")
    known = {"sqlite": "main", "postgresql": "public"}
    schema = known.get(connection.vendor, connection.settings_dict["NAME"])
    with pytest.raises(sync.UncapturedWrite):
        run(f"UPDATE {table.format(schema=schema)} SET name = 'z'")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("verb", "sql"), WRITING)
def test_in_autocommit_raw_sql_is_refused_and_does_not_stay(verb, sql, owner):
    with pytest.raises(sync.UncapturedWrite):
        run(sql)
    assert not connection.in_atomic_block
    assert names() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_a_refused_write_leaves_the_rest_of_its_transaction(owner):
    with transaction.atomic():
        Owner.objects.create(name="b")
        with pytest.raises(sync.UncapturedWrite):
            run(UPDATE)
        Owner.objects.create(name="c")
    assert names() == ["a", "b", "c"]


def test_the_error_names_the_line_and_what_to_do(owner):
    line = inspect.getsourcelines(run)[1] + 2
    with pytest.raises(sync.UncapturedWrite, match=r"sync\.record\(Owner, pks\)") as caught:
        run(UPDATE)
    assert caught.value.caller == f"{__file__}:{line} in run"
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.caller) == (str(caught.value), caught.value.caller)


def test_many_executions_are_one_statement(owner, warn):
    sql = "UPDATE testapp_owner SET name = %s WHERE name = %s"
    run(sql, [("b", "a"), ("c", "b"), ("d", "nobody")], many=True)
    assert [(said["verb"], said["rows"]) for said in warn] == [("UPDATE", 2)]
    run(sql, [("e", "nobody")], many=True)
    assert len(warn) == 1


def test_a_raw_query_set_is_refused(owner, returning):
    with pytest.raises(sync.UncapturedWrite):
        list(Owner.objects.raw(UPDATE + " RETURNING id, name"))
    assert names() == ["a"]


def test_a_raw_query_set_is_heard(owner, warn, returning):
    assert [one.name for one in Owner.objects.raw(UPDATE + " RETURNING id, name")] == ["z"]
    assert [said["verb"] for said in warn] == ["UPDATE"]


@pytest.mark.parametrize("mode", ["error", "warn"])
def test_a_write_that_touches_no_row_is_none(mode, owner, heard, sync_settings):
    sync_settings(RAW_SQL=mode)
    assert run(UPDATE_NONE) == 0
    run("DELETE FROM testapp_owner WHERE name = %s", ["nobody"])
    assert heard == []


@pytest.mark.parametrize("mode", ["error", "warn"])
def test_a_write_that_returns_no_row_is_none(mode, owner, heard, sync_settings, returning):
    sync_settings(RAW_SQL=mode)
    assert run(UPDATE_NONE + " RETURNING id") == []
    assert heard == []


def test_rows_that_nobody_has_fetched_are_no_proof_of_nothing(owner, warn, returning):
    assert run(UPDATE + " RETURNING id") == [(owner.pk,)]
    [said] = warn
    assert said["rows"] == (None if connection.vendor == "sqlite" else 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; UPDATE testapp_owner SET name = 'z'",
        "TRUNCATE testapp_owner CASCADE",
        "WITH gone AS (DELETE FROM testapp_owner RETURNING id) SELECT * FROM gone",
    ],
)
def test_what_cannot_be_counted_is_refused_before_it_runs(sql, owner, postgresql_only):
    with (
        connection.execute_wrapper(lambda execute, sql, *rest: pytest.fail(f"executed {sql}")),
        pytest.raises(sync.UncapturedWrite),
    ):
        run(sql)


def test_sql_that_psycopg_composes_is_read_too(owner, postgresql_only):
    from psycopg import sql

    for composed in (
        sql.SQL("UPDATE {} SET name = 'z'").format(sql.Identifier("testapp_owner")),
        UPDATE.encode(),
    ):
        with pytest.raises(sync.UncapturedWrite):
            run(composed)


def test_what_is_not_registered_is_nobodys_business(heard, unregister):
    run("INSERT INTO testapp_unseen (name) VALUES ('a')")
    unregister(Owner)
    run("INSERT INTO testapp_owner (name) VALUES ('a')")
    assert (Unseen.objects.count(), Owner.objects.count(), heard) == (1, 1, [])


def test_permitted_sql_passes_in_silence(owner, heard):
    with sync.allow_raw_sql():
        assert run(UPDATE) == 1
    assert (names(), heard) == (["z"], [])


def test_ignored_sql_passes_in_silence(owner, heard, sync_settings):
    sync_settings(RAW_SQL="ignore")
    assert run(UPDATE) == 1
    assert heard == []


def test_sql_that_is_captured_elsewhere_passes_in_silence(owner, heard, monkeypatch):
    asked = []
    monkeypatch.setattr(
        detector, "captured_elsewhere", [lambda *question: asked.append(question) or True]
    )
    assert run(UPDATE) == 1
    assert (asked, heard) == ([(Owner, "default")], [])


def test_a_warning_says_all_and_is_counted_and_logged(owner, warn, caplog):
    before = detector.uncaptured().get(("testapp_owner", "UPDATE"), (0, 0))
    with caplog.at_level(logging.WARNING, "sync"):
        line = inspect.currentframe().f_lineno + 1
        connection.cursor().execute(UPDATE)
    name = test_a_warning_says_all_and_is_counted_and_logged.__name__
    assert warn == [
        {
            "sender": Owner,
            "using": "default",
            "table": "testapp_owner",
            "verb": "UPDATE",
            "rows": 1,
            "caller": f"{__file__}:{line} in {name}",
        }
    ]
    after = detector.uncaptured()["testapp_owner", "UPDATE"]
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert [record.name for record in caplog.records] == ["sync"]
    assert f"{__file__}:{line} in {name}" in caplog.text
    assert names() == ["z"]


def test_an_error_of_a_receiver_does_not_reach_who_wrote(owner, warn):
    def fail(**kwargs):
        raise ZeroDivisionError

    signals.uncaptured.connect(fail)
    try:
        assert run(UPDATE) == 1
    finally:
        signals.uncaptured.disconnect(fail)


def test_a_statement_that_fails_is_not_said_to_have_written(owner, warn):
    with pytest.raises(Exception, match="nothing_like_it"), transaction.atomic():
        run("UPDATE testapp_owner SET nothing_like_it = 1")
    assert warn == []


def test_outside_of_tests_it_is_a_warning(owner, heard, monkeypatch):
    assert detector.is_under_test()
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert not detector.is_under_test()
    assert run(UPDATE) == 1
    assert len(heard) == 1


def test_a_mode_that_there_is_not_is_named_with_those_that_there_are(owner, sync_settings):
    sync_settings(RAW_SQL="warning")
    with pytest.raises(ImproperlyConfigured, match=r"'warning': choose one of warn, error, ignore"):
        run(UPDATE)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_no_write_of_the_orm_is_taken_for_raw_sql(write: Write, warn):
    steps = write.steps()
    next(steps)
    next(steps)
    assert warn == []
    Team.objects.create(name="heard")
    run("UPDATE testapp_team SET name = 'unheard' WHERE name = 'heard'")
    assert len(warn) == 1, "the detector was not there"


def test_raw_sql_in_a_receiver_of_the_log_is_seen(warn):
    """Also inside the write of a child, which writes its parent on the way."""
    Restaurant.objects.create(name="a")

    def receiver(**kwargs):
        run("INSERT INTO testapp_owner (name) VALUES ('z')")

    post_save.connect(receiver, sender=SyncLog)
    try:
        Restaurant.objects.update(stars=1, name="b")
        Restaurant.objects.update(name=F("name"))
    finally:
        post_save.disconnect(receiver, sender=SyncLog)
    assert [said["table"] for said in warn] == ["testapp_owner"] * 3
    assert len({said["caller"] for said in warn}) == 1


def test_before_the_log_exists_nothing_is_hidden_from_it(owner, heard, monkeypatch):
    monkeypatch.setattr(connection, capture._LOG_EXISTS, False)
    monkeypatch.setattr(connection.introspection, "table_names", lambda: [])
    assert run(UPDATE) == 1
    assert heard == []


@pytest.mark.django_db(transaction=True)
def test_emptying_the_database_empties_the_log_as_well(owner, heard):
    call_command("flush", interactive=False, verbosity=0)
    assert (Owner.objects.count(), SyncLog.objects.count(), heard) == (0, 0, [])


def write_in_python(apps, schema_editor):
    schema_editor.connection.cursor().execute(UPDATE)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("operation", "caller"),
    [
        (migrations.RunSQL(UPDATE), "migration shop.0002_rename"),
        (migrations.RunPython(write_in_python), " in write_in_python"),
    ],
)
def test_a_migration_is_warned_of_and_goes_on(operation, caller, owner, heard):
    migration = migrations.Migration("0002_rename", "shop")
    migration.operations = [operation]
    with connection.schema_editor(atomic=True) as editor:
        migration.apply(ProjectState(), editor)
    assert names() == ["z"]
    [said] = heard
    assert said["caller"].endswith(caller)


class Parcel(models.Model):
    weight = models.IntegerField(null=True)

    class Meta:
        app_label = "shop"
        managed = False
        db_table = "shop_parcel"

    def __str__(self):
        return f"{self.weight}"


@pytest.fixture
def parcels(transactional_db, register):
    """A registered table of which a column is about to be made NOT NULL."""
    with connection.schema_editor() as editor:
        editor.create_model(Parcel)
    register(Parcel)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Parcel)


def forbid_null():
    field = models.IntegerField(default=7)
    field.set_attributes_from_name("weight")
    field.model = Parcel
    with connection.schema_editor() as editor:
        editor.alter_field(Parcel, Parcel._meta.get_field("weight"), field)


@pytest.mark.django_db(transaction=True)
def test_a_schema_change_that_fills_rows_is_heard(parcels, warn):
    Parcel.objects.create(weight=None)
    forbid_null()
    assert Parcel.objects.get().weight == 7
    # SQLite fills them on the way into a new table, which is no write to the registered one.
    told = [] if connection.vendor == "sqlite" else [("UPDATE", 1)]
    assert [(said["verb"], said["rows"]) for said in warn] == told


@pytest.mark.django_db(transaction=True)
def test_a_schema_change_that_fills_no_row_passes(parcels, heard):
    Parcel.objects.create(weight=1)
    forbid_null()
    assert heard == []


def test_every_connection_is_watched_once_and_first():
    detector.install()
    assert connection.execute_wrappers.count(detector.detect) == 1
    other = connection.copy()
    try:
        with other.execute_wrapper(lambda execute, *rest: execute(*rest)):
            other.ensure_connection()
        assert other.execute_wrappers == [detector.detect]
        other.close()
        other.connect()
        assert other.execute_wrappers == [detector.detect]
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_no_alias_of_this_thread_is_refused_before_it_writes(owner):
    other = connection.copy()
    try:
        with other.cursor() as cursor, pytest.raises(sync.UncapturedWrite):
            cursor.execute(UPDATE)
    finally:
        other.close()
    assert names() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_threads_are_watched_each_for_itself(owner):
    """One is allowed while the other, at the same time, is not."""
    allowed, tried = threading.Event(), threading.Event()

    def permitted():
        with sync.allow_raw_sql():
            allowed.set()
            assert tried.wait(30)
            return run(UPDATE)

    def not_permitted():
        assert allowed.wait(30)
        try:
            with pytest.raises(sync.UncapturedWrite):
                run("DELETE FROM testapp_owner")
        finally:
            tried.set()

    assert in_threads(permitted, not_permitted) == [1, None]
    assert names() == ["z"]


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_comes_back_to_the_database_is_watched(owner):
    def again():
        for _ in range(2):
            with pytest.raises(sync.UncapturedWrite):
                run(UPDATE)
            connections.close_all()

    in_threads(again)
    assert names() == ["a"]


@pytest.mark.django_db(transaction=True)
async def test_coroutines_are_watched_and_the_async_orm_passes(heard):
    owner = await Owner.objects.acreate(name="a")
    owner.name = "b"
    await owner.asave()
    with pytest.raises(sync.UncapturedWrite):
        await sync_to_async(run)(UPDATE)
    with sync.allow_raw_sql():
        assert await sync_to_async(run)(UPDATE) == 1
    assert await sync_to_async(names)() == ["z"]
    await sync_to_async(connections.close_all)()
    assert heard == []


def test_what_goes_past_djangos_cursors_is_not_seen(owner, heard, postgresql_only):
    """As documented: the log is told by `sync.record`, or `sync_verify` finds it."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY testapp_owner (name) FROM STDIN") as copy:
            copy.write_row(("b",))
        cursor.execute(f"DO $$ BEGIN {UPDATE}; END $$")
    assert (names(), heard) == (["z", "z"], [])


@pytest.mark.django_db(transaction=True)
def test_a_script_is_not_seen(owner, heard, sqlite_only):
    connection.cursor().executescript(f"BEGIN; {UPDATE}; COMMIT")
    assert (names(), heard) == (["z"], [])
