"""Who another program is, what it may do, and what it cannot change."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest
from django.db import connection

from tests.support.another_program import another_program, insert_owners
from tests.support.state import database_state
from tests.sync.observing import applied, recorded

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers", "whole_triggers"),
]


def test_another_program_is_named_by_its_role(program):
    with recorded() as entries:
        insert_owners(program, "a")
    [entry] = entries
    role = connection.settings_dict["USER"]
    assert (entry.source, entry.actor) == ("database", f"postgres role {role}")
    assert (entry.actor_id, entry.client_id, entry.request_id, entry.reason) == ("",) * 4


def test_another_program_may_say_who_and_why(program):
    said = {"actor": "payroll", "source": "task", "reason": "x" * 300, "actor_id": "7"}
    with recorded() as entries, program.transaction():
        program.execute("SELECT set_config('sync_hub.context', %s, true)", [json.dumps(said)])
        insert_owners(program, "a")
    [entry] = entries
    assert (entry.actor, entry.actor_id, entry.source) == ("payroll", "7", "task")
    assert entry.reason == "x" * 255


def test_the_next_transaction_knows_nothing_of_what_was_said(program):
    with program.transaction():
        program.execute("SELECT set_config('sync_hub.context', '{\"actor\": \"a\"}', true)")
        insert_owners(program, "a")
    with recorded() as entries:
        insert_owners(program, "b")
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
        insert_owners(stranger, "a")
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
        insert_owners(stranger, "a")
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
