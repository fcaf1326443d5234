"""What other programs write is recorded, whatever way they write it."""

from __future__ import annotations

import json
import threading
import uuid

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, models, transaction

from sync.models import SyncLog
from sync.publishing import publish
from sync.registry import registry
from sync.sql_functions import JSON
from sync.trigger_sql import function_name
from sync.triggers import (
    CURRENT,
    IMPOSSIBLE,
    MISSING,
    OUTDATED,
    install,
    remove,
    states,
    triggered_tables,
)
from tests.support.another_program import another_program
from tests.support.state import database_state
from tests.support.threads import in_threads
from tests.sync.observing import applied, brief, recorded
from tests.testapp.models import (
    Cascaded,
    Draft,
    Everything,
    Node,
    Owner,
    Seat,
    Stock,
    Team,
    Ticket,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL"),
    pytest.mark.usefixtures("triggers", "whole_triggers"),
]


@pytest.fixture
def whole_triggers(transactional_db, installed_triggers):
    """Put right what an earlier test did to the triggers."""
    install(connection, registry)


@pytest.fixture
def program():
    with another_program() as program:
        yield program


@pytest.fixture
def recorded_exactly():
    """Hold the log against the database at the end: applied to the state before, the entries must
    give the state after, so none may be missing and none too many."""
    before = database_state()
    with recorded() as entries:
        yield
    assert applied(before, entries) == database_state()


def owners(program, *names: str) -> list[int]:
    rows = [
        program.execute(
            "INSERT INTO testapp_owner (name) VALUES (%s) RETURNING id", [name]
        ).fetchone()
        for name in names
    ]
    return [key for (key,) in rows]


def test_inserts_updates_and_deletes_are_recorded(program):
    with recorded() as entries:
        key, other = owners(program, "a", "b")
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
        owners(program, "a")
        program.execute("ROLLBACK")
    assert entries == []


def test_a_transaction_has_one_id_and_the_next_another(program):
    with recorded() as entries:
        for _ in range(2):
            with program.transaction():
                owners(program, "a")
                program.execute("UPDATE testapp_owner SET name = 'b'")
    ids = [entry.transaction for entry in entries]
    assert len(set(ids)) == 2
    assert ids[0] == ids[1] != ids[2]


def test_what_surrounds_a_savepoint_that_was_rolled_back_shares_an_id(program):
    with recorded() as entries, program.transaction():
        owners(program, "a")
        program.execute("SAVEPOINT s")
        owners(program, "b")
        program.execute("ROLLBACK TO s")
        owners(program, "c")
    assert [entry.values["name"] for entry in entries] == ["a", "c"]
    assert len({entry.transaction for entry in entries}) == 1


def test_a_savepoint_that_was_rolled_back_takes_its_id_with_it(program):
    with recorded() as entries, program.transaction():
        program.execute("SAVEPOINT s")
        owners(program, "a")
        lost = program.execute("SELECT transaction FROM sync_log ORDER BY id DESC").fetchone()[0]
        program.execute("ROLLBACK TO s")
        owners(program, "b")
        owners(program, "c")
    assert len(entries) == 2
    assert {entry.transaction for entry in entries} != {lost}
    assert len({entry.transaction for entry in entries}) == 1


def test_another_program_is_named_by_its_role(program):
    with recorded() as entries:
        owners(program, "a")
    [entry] = entries
    role = connection.settings_dict["USER"]
    assert (entry.source, entry.actor) == ("database", f"postgres role {role}")
    assert (entry.actor_id, entry.client_id, entry.request_id, entry.reason) == ("",) * 4


def test_another_program_may_say_who_and_why(program):
    said = {"actor": "payroll", "source": "task", "reason": "x" * 300, "actor_id": "7"}
    with recorded() as entries, program.transaction():
        program.execute("SELECT set_config('sync_hub.context', %s, true)", [json.dumps(said)])
        owners(program, "a")
    [entry] = entries
    assert (entry.actor, entry.actor_id, entry.source) == ("payroll", "7", "task")
    assert entry.reason == "x" * 255


def test_the_next_transaction_knows_nothing_of_what_was_said(program):
    with program.transaction():
        program.execute("SELECT set_config('sync_hub.context', '{\"actor\": \"a\"}', true)")
        owners(program, "a")
    with recorded() as entries:
        owners(program, "b")
    assert entries[0].source == "database"


@pytest.fixture
def stranger(program):
    """A role that may write the tables and may not see the log."""
    role, password = f"stranger_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    program.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    program.execute(f"GRANT ALL ON testapp_owner, testapp_owner_id_seq TO {role}")
    with another_program(user=role, password=password) as found:
        yield found
    program.execute(f"DROP OWNED BY {role}")
    program.execute(f"DROP ROLE {role}")


def test_a_role_that_may_not_write_the_log_is_recorded(stranger):
    with recorded() as entries:
        owners(stranger, "a")
    assert [entry.actor for entry in entries] == [f"postgres role {stranger.info.user}"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute("INSERT INTO sync_log (record_id) VALUES ('x')")


def test_a_role_cannot_forge_entries_with_the_function(stranger):
    stranger.execute("CREATE TEMP TABLE testapp_owner (id bigint, name text)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute(
            "CREATE TRIGGER t AFTER INSERT ON pg_temp.testapp_owner REFERENCING NEW TABLE AS"
            " new_rows FOR EACH STATEMENT EXECUTE FUNCTION"
            " public.sync_hub_capture_testapp_owner()"
        )


def test_what_a_session_puts_in_front_of_the_search_path_is_not_executed(stranger, program):
    """The functions run with their owner's rights: whose names they find must be fixed."""
    program.execute(f"GRANT CREATE ON SCHEMA public TO {stranger.info.user}")
    stranger.execute("CREATE TEMP TABLE sync_log (LIKE pg_class)")
    for signature in ("to_json(text)", "concat_ws(text, text, text)", "sign(numeric)"):
        name, arguments = signature.split("(")
        stranger.execute(
            f"CREATE FUNCTION public.{name}({arguments} RETURNS text LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'evil'; END $$"
        )
    stranger.execute("SET search_path = pg_temp, public, pg_catalog")
    with recorded() as entries:
        owners(stranger, "a")
    assert [entry.actor for entry in entries] == [f"postgres role {stranger.info.user}"]


def test_settings_of_a_session_change_nothing_of_the_text(program):
    for setting in (
        "datestyle = 'German, DMY'", "timezone = 'Asia/Kathmandu'", "intervalstyle = 'iso_8601'",
        "extra_float_digits = -15", "bytea_output = 'escape'", "quote_all_identifiers = on",
    ):  # fmt: skip
        program.execute(f"SET {setting}")
    with recorded() as entries:
        program.execute(
            "INSERT INTO testapp_everything (char, text, slug, integer, big, decimal, real, flag,"
            " day, moment, clock, span, mark, options, blob, attachment, address) VALUES"
            " ('a', 'b', '', 1, 2, 3.5, 0.1::float8 + 0.2::float8, true, '2026-01-31',"
            " '2026-01-31 12:00:00.5+00', '12:00', '-1 day 2 seconds', gen_random_uuid(),"
            " '{\"b\": 1.50}', 'x', '', '10.0.0.1')"
        )
    assert applied({}, entries) == database_state()


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
    owners(program, "a")
    program.execute("UPDATE testapp_owner SET name = 'b'")
    publish()
    newest = SyncLog.objects.published().order_by("-seq")[0]
    assert (newest.event, newest.changed_names, newest.latest) == ("owner.updated", ["name"], True)


def test_an_empty_audience_is_refused(program, register):
    register(Team, audience="{name}")
    install(connection, registry_of(Team))
    with pytest.raises(psycopg.errors.NotNullViolation, match="audience"):
        program.execute("INSERT INTO testapp_team (name) VALUES ('')")


def registry_of(*wanted: type[models.Model]):
    return [registry.get(model) for model in wanted]


def kind_of(model: type[models.Model]) -> str:
    [state] = states(connection, registry_of(model))
    return state.kind


def test_installing_again_touches_nothing(program):
    assert {state.kind for state in states(connection, registry_of(Owner, Ticket))} == {CURRENT}
    before = program.execute("SELECT max(xmin::text::bigint) FROM pg_trigger").fetchone()
    assert [state.kind for state in install(connection, registry_of(Owner))] == [CURRENT]
    assert program.execute("SELECT max(xmin::text::bigint) FROM pg_trigger").fetchone() == before


@pytest.mark.parametrize(
    "change",
    [
        {"exclude": ["name"]},
        {"audience": "node:{id}"},
    ],
    ids=str,
)
def test_triggers_of_a_registration_that_changed_are_outdated(register, change):
    register(Node, **change)
    assert kind_of(Node) == OUTDATED
    install(connection, registry_of(Node))
    assert kind_of(Node) == CURRENT
    with recorded() as entries:
        node = Node.objects.create(name="a")
    expected = {"id": node.pk, "name": "a", "parent_id": None}
    if "exclude" in change:
        del expected["name"]
    assert entries[0].values == expected
    assert entries[0].audience == (f"node:{node.pk}" if "audience" in change else "everyone")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DROP TRIGGER sync_hub_delete ON testapp_owner", OUTDATED),
        ("ALTER TABLE testapp_owner DISABLE TRIGGER sync_hub_update", OUTDATED),
        ("DROP FUNCTION sync_hub_capture_testapp_owner CASCADE", MISSING),
        (
            "CREATE OR REPLACE FUNCTION sync_hub_capture_testapp_owner() RETURNS trigger"
            " LANGUAGE plpgsql SECURITY DEFINER SET search_path = public"
            " AS $$ BEGIN RETURN NULL; END $$",
            OUTDATED,
        ),
        (
            f"CREATE OR REPLACE FUNCTION {JSON}(document jsonb) RETURNS text LANGUAGE sql"
            " AS $$ SELECT '7' $$",
            OUTDATED,
        ),
    ],
)
def test_triggers_that_somebody_changed_are_seen_and_put_right(program, sql, kind):
    program.execute(sql)
    assert kind_of(Owner) == kind
    install(connection, registry_of(Owner))
    assert kind_of(Owner) == CURRENT
    with recorded() as entries:
        [key] = owners(program, "a")
        program.execute("UPDATE testapp_owner SET name = 'b'")
        program.execute("DELETE FROM testapp_owner")
    table = "testapp_owner"
    assert brief(entries) == [(table, str(key), kind) for kind in ("insert", "update", "delete")]


def test_a_table_that_triggers_cannot_do_is_recorded_by_the_orm(register, program):
    register(Node, audience=lambda node: f"node:{node.name}")
    assert [state.kind for state in install(connection, registry_of(Node))] == [IMPOSSIBLE]
    with recorded() as entries, transaction.atomic():
        Node.objects.create(name="a")
        Owner.objects.create(name="b")
    assert [(entry.table, entry.audience) for entry in entries] == [
        ("testapp_node", "node:a"),
        ("testapp_owner", "everyone"),
    ]
    assert len({entry.transaction for entry in entries}) == 1


def test_two_processes_may_install_at_the_same_time():
    remove(connection, triggered_tables(connection))
    start = threading.Barrier(2)

    def install_together():
        start.wait()
        return [state.kind for state in install(connection, registry_of(Owner, Node))]

    found = in_threads(install_together, install_together)
    assert sorted(found) == [[CURRENT] * 2, [MISSING] * 2]


def test_removing_leaves_the_recording_to_the_orm(program):
    remove(connection, triggered_tables(connection))
    with recorded() as entries:
        owners(program, "a")
        owner = Owner.objects.create(name="b")
    assert brief(entries) == [("testapp_owner", str(owner.pk), "insert")]
    functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'sync_hub_capture_%'"
    assert program.execute(functions).fetchone() == (0,)


def test_a_table_of_a_name_as_long_as_names_get_has_its_function():
    names = {function_name("t" * 63), function_name("t" * 62 + "u"), function_name("é" * 31)}
    assert len(names) == 3
    assert all(len(name.encode()) <= 63 for name in names)
