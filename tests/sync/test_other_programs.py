"""What other programs write is recorded, whatever way they write it."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from sync.models import SyncLog
from sync.publishing import publish
from sync.registry import registry
from sync.triggers import (
    install,
)
from tests.support.another_program import insert_owners
from tests.support.state import database_state
from tests.sync.observing import applied, brief, recorded
from tests.testapp.models import (
    Cascaded,
    Draft,
    Everything,
    Owner,
    Seat,
    Stock,
    Team,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers", "whole_triggers"),
]


@pytest.fixture
def recorded_exactly():
    """Hold the log against the database at the end: applied to the state before, the entries must
    give the state after, so none may be missing and none too many."""
    before = database_state()
    with recorded() as entries:
        yield
    assert applied(before, entries) == database_state()


def test_inserts_updates_and_deletes_are_recorded(program):
    with recorded() as entries:
        key, other = insert_owners(program, "a", "b")
        program.execute("UPDATE testapp_owner SET name = name || '!'")
        program.execute("DELETE FROM testapp_owner WHERE name = 'a!'")
    table = "testapp_owner"
    assert brief(entries)[:2] == [(table, str(key), "insert"), (table, str(other), "insert")]
    assert sorted(brief(entries)[2:4]) == sorted(
        [(table, str(key), "update"), (table, str(other), "update")]
    )
    assert brief(entries)[4:] == [(table, str(key), "delete")]
    assert entries[-1].values == {"id": key, "name": "a!"}
    assert len({entry.transaction for entry in entries}) == 4


def test_statements_that_match_nothing_record_nothing(program):
    with recorded() as entries:
        program.execute("UPDATE testapp_owner SET name = 'x' WHERE name = 'nobody'")
        program.execute("DELETE FROM testapp_owner WHERE name = 'nobody'")
        program.execute("INSERT INTO testapp_owner (name) SELECT 'x' WHERE false")
        program.execute("TRUNCATE testapp_everything")
    assert entries == []


def test_an_upsert_is_told_apart(program, recorded_exactly):
    Stock.objects.create(sku="a", warehouse="n", quantity=1)
    with recorded() as entries:
        program.execute(
            "INSERT INTO testapp_stock (sku, warehouse, quantity)"
            " VALUES ('a', 'n', 5), ('b', 'n', 6)"
            " ON CONFLICT (sku, warehouse) DO UPDATE SET quantity = excluded.quantity"
        )
        program.execute(
            "INSERT INTO testapp_stock (sku, warehouse, quantity) VALUES ('a', 'n', 7)"
            " ON CONFLICT DO NOTHING"
        )
    found = sorted((e.action, e.values["sku"], e.values["quantity"]) for e in entries)
    assert found == [("insert", "b", 6), ("update", "a", 5)]


def test_a_merge_records_each_of_its_three_kinds(program, recorded_exactly):
    for sku in "ab":
        Stock.objects.create(sku=sku, warehouse="n", quantity=1)
    with recorded() as entries:
        program.execute(
            "MERGE INTO testapp_stock s USING (VALUES ('a'), ('b'), ('c')) AS v(sku)"
            " ON s.sku = v.sku"
            " WHEN MATCHED AND v.sku = 'a' THEN DELETE"
            " WHEN MATCHED THEN UPDATE SET quantity = 9"
            " WHEN NOT MATCHED THEN INSERT (sku, warehouse, quantity) VALUES (v.sku, 'n', 3)"
        )
    assert sorted((e.action, e.values["sku"]) for e in entries) == [
        ("delete", "a"),
        ("insert", "c"),
        ("update", "b"),
    ]


def test_a_copy_is_recorded(program, recorded_exactly):
    sql = "COPY testapp_owner (name) FROM STDIN"
    with recorded() as entries, program.cursor() as cursor, cursor.copy(sql) as copy:
        for number in range(1000):
            copy.write_row([f"owner {number}"])
    assert len(entries) == 1000
    assert len({entry.transaction for entry in entries}) == 1
    assert {entry.action for entry in entries} == {"insert"}


def test_a_truncate_is_recorded_as_deletes(program):
    parents = [Owner.objects.create(name=name) for name in "ab"]
    Cascaded.objects.create(owner=parents[0])
    before = database_state()
    with recorded() as entries:
        program.execute("TRUNCATE testapp_owner CASCADE")
    assert sorted(entry.table for entry in entries) == [
        "testapp_cascaded",
        "testapp_owner",
        "testapp_owner",
    ]
    assert {entry.action for entry in entries} == {"delete"}
    assert len({entry.transaction for entry in entries}) == 1
    assert applied(before, entries) == database_state() == {}


def test_a_flush_leaves_neither_rows_nor_entries():
    Owner.objects.create(name="a")
    call_command("flush", interactive=False, verbosity=0)
    assert (Owner.objects.count(), SyncLog.objects.count()) == (0, 0)


def test_what_the_database_cascades_by_itself_is_recorded(program):
    owner = Owner.objects.create(name="a")
    below = [Cascaded.objects.create(owner=owner, name=name) for name in "ab"]
    own = program.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'testapp_cascaded'::regclass"
        " AND confrelid = 'testapp_owner'::regclass"
    ).fetchone()[0]
    program.execute("BEGIN")
    program.execute(f"ALTER TABLE testapp_cascaded DROP CONSTRAINT {own}")
    program.execute(
        "ALTER TABLE testapp_cascaded ADD FOREIGN KEY (owner_id) REFERENCES testapp_owner"
        " ON DELETE CASCADE ON UPDATE CASCADE"
    )
    program.execute("UPDATE testapp_owner SET id = id + 1000")
    program.execute("DELETE FROM testapp_owner")
    found = program.execute(
        'SELECT action, "table", record_id FROM sync_log WHERE transaction ='
        " (SELECT transaction FROM sync_log ORDER BY id DESC LIMIT 1)"
    ).fetchall()
    program.execute("ROLLBACK")
    new, names = str(owner.pk + 1000), [str(child.pk) for child in below]
    assert sorted(found) == sorted(
        [
            ("delete", "testapp_owner", str(owner.pk)),
            ("insert", "testapp_owner", new),
            *(("update", "testapp_cascaded", name) for name in names),
            *(("delete", "testapp_cascaded", name) for name in names),
            ("delete", "testapp_owner", new),
        ]
    )


def test_a_key_that_moves_to_another_records_place_is_told_apart(program, recorded_exactly):
    for number in (1, 2, 3):
        Seat.objects.create(room="a", number=number, guest=f"guest {number}")
    with recorded() as entries, program.transaction():
        program.execute("ALTER TABLE testapp_seat DROP CONSTRAINT testapp_seat_pkey")
        program.execute("UPDATE testapp_seat SET number = number + 1 WHERE number > 1")
        program.execute("ALTER TABLE testapp_seat ADD PRIMARY KEY (room, number)")
    found = sorted((e.action, e.record_id, e.values["guest"]) for e in entries)
    assert found == [
        ("delete", '["a",2]', "guest 2"),
        ("insert", '["a",4]', "guest 3"),
        ("update", '["a",3]', "guest 2"),
    ]


def test_a_rollback_leaves_no_entry(program):
    with recorded() as entries:
        program.execute("BEGIN")
        insert_owners(program, "a")
        program.execute("ROLLBACK")
    assert entries == []


def test_a_transaction_has_one_id_and_the_next_another(program):
    with recorded() as entries:
        for _ in range(2):
            with program.transaction():
                insert_owners(program, "a")
                program.execute("UPDATE testapp_owner SET name = 'b'")
    ids = [entry.transaction for entry in entries]
    assert len(set(ids)) == 2
    assert ids[0] == ids[1] != ids[2]


def test_what_surrounds_a_savepoint_that_was_rolled_back_shares_an_id(program):
    with recorded() as entries, program.transaction():
        insert_owners(program, "a")
        program.execute("SAVEPOINT s")
        insert_owners(program, "b")
        program.execute("ROLLBACK TO s")
        insert_owners(program, "c")
    assert [entry.values["name"] for entry in entries] == ["a", "c"]
    assert len({entry.transaction for entry in entries}) == 1


def test_a_savepoint_that_was_rolled_back_takes_its_id_with_it(program):
    with recorded() as entries, program.transaction():
        program.execute("SAVEPOINT s")
        insert_owners(program, "a")
        lost = program.execute("SELECT transaction FROM sync_log ORDER BY id DESC").fetchone()[0]
        program.execute("ROLLBACK TO s")
        insert_owners(program, "b")
        insert_owners(program, "c")
    assert len(entries) == 2
    assert {entry.transaction for entry in entries} != {lost}
    assert len({entry.transaction for entry in entries}) == 1


def test_columns_named_as_what_the_function_calls_its_own_are_no_trouble(program):
    """`Everything` has a column `mark`, as the function has a variable."""
    Everything.objects.create(mark=uuid.UUID(int=1))
    with recorded() as entries:
        program.execute("UPDATE testapp_everything SET mark = NULL")
    assert entries[0].values["mark"] is None


def test_only_what_is_registered_is_recorded(program):
    draft = Draft.objects.create(title="a")
    with recorded() as entries:
        program.execute("UPDATE testapp_draft SET scratch = 'x', heading = 'b'")
        program.execute("INSERT INTO testapp_unseen (name) VALUES ('a')")
    assert [entry.values for entry in entries] == [{"id": draft.pk, "title": "b"}]


def test_what_another_program_wrote_is_published_like_everything_else(program):
    insert_owners(program, "a")
    program.execute("UPDATE testapp_owner SET name = 'b'")
    publish()
    newest = SyncLog.objects.published().order_by("-seq")[0]
    assert (newest.event, newest.changed_names, newest.latest) == ("owner.updated", ["name"], True)


def test_an_empty_audience_is_refused(program, register):
    register(Team, audience="{name}")
    install(connection, [registry.get(Team)])
    with pytest.raises(psycopg.errors.NotNullViolation, match="audience"):
        program.execute("INSERT INTO testapp_team (name) VALUES ('')")
