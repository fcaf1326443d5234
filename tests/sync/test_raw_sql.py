"""What a text of SQL writes is told from what it only mentions, in every dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import raw_sql
from sync.raw_sql import Written, written_by

VENDORS = ["postgresql", "sqlite", "mysql"]

EVERYWHERE = [
    ("INSERT INTO task (a) VALUES (1)", ["INSERT task"]),
    ("insert into Task select * from other", ["INSERT Task"]),
    ("UPDATE task SET a = 1", ["UPDATE task"]),
    ("  \n\tupdate\n task\nset a = 1;", ["UPDATE task"]),
    ("UPDATE task t SET a = 1", ["UPDATE task"]),
    ("UPDATE task AS t SET a = (SELECT max(a) FROM other) WHERE t.b", ["UPDATE task"]),
    ("DELETE FROM task", ["DELETE task"]),
    ("DELETE FROM task AS t WHERE t.a IN (SELECT b FROM other)", ["DELETE task"]),
    ("/* UPDATE other SET a = 1 */ UPDATE task SET a = 1", ["UPDATE task"]),
    ("-- DELETE FROM other\nUPDATE task SET a = 1", ["UPDATE task"]),
    ("-- it's\nUPDATE task SET a = 1", ["UPDATE task"]),
    ("UPDATE/**/task/**/SET a = 1", ["UPDATE task"]),
    ("UPDATE public.task SET a = 1", ["UPDATE task"]),
    ("UPDATE `public` . `task` SET a = 1", ["UPDATE task"]),
    ("UPDATE `ta``sk` SET a = 1", ["UPDATE ta`sk"]),
    ("UPDATE task SET a = %s WHERE b = %s", ["UPDATE task"]),
    ("UPDATE task SET a = 'x'; DELETE FROM other", ["UPDATE task", "DELETE other"]),
    ("SELECT 1; UPDATE task SET a = 1", ["UPDATE task"]),
    ("BEGIN; DELETE FROM task; COMMIT;", ["DELETE task"]),
    ("UPDATE task SET a = 'it''s; DELETE FROM other'", ["UPDATE task"]),
    ("UPDATE task SET a = ';'; DELETE FROM other", ["UPDATE task", "DELETE other"]),
    ("WITH a AS (SELECT 1) UPDATE task SET b = 1", ["UPDATE task"]),
    ("WITH a AS (SELECT 1), b(c) AS (SELECT 2) DELETE FROM task", ["DELETE task"]),
    ("WITH RECURSIVE a AS (SELECT 1) INSERT INTO task SELECT * FROM a", ["INSERT task"]),
    ("EXPLAIN ANALYZE UPDATE task SET a = 1", ["UPDATE task"]),
    ("EXPLAIN ANALYZE WITH a AS (SELECT 1) DELETE FROM task", ["DELETE task"]),
    ("INSERT INTO task VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", ["INSERT task"]),
    ("UPDATE", []),
    ("UPDATE task", []),
    ("DELETE FROM", []),
    ("INSERT INTO (", []),
    ("", []),
    (";;;", []),
    ("/* UPDATE task SET a = 1", []),
    ("'UPDATE task SET a = 1", []),
    ("SELECT 'UPDATE task SET a = 1'", []),
    ("SELECT '; UPDATE task SET a = 1'", []),
    ("SELECT 'it''s; DELETE FROM task'", []),
    ("SELECT 1 -- ; DELETE FROM task", []),
    ("SELECT 1 /* ; DELETE FROM task; */", []),
    ("SELECT `; DELETE FROM task` FROM a", []),
    ("SELECT * FROM task FOR UPDATE", []),
    ("SELECT replace(a, 'b', 'c') FROM task", []),
    ("(SELECT 1) UNION (SELECT 2)", []),
    ("WITH a AS (SELECT replace(b, 'c', 'd') FROM task) SELECT * FROM a", []),
    ("WITH a AS (SELECT * FROM task FOR UPDATE) SELECT * FROM a", []),
    ("WITH a AS (SELECT 1) SELECT insert(b, 1, 2, 'c') FROM task", []),
    ("EXPLAIN UPDATE task SET a = 1", []),
    ("EXPLAIN ANALYZE SELECT replace(a, 'b', 'c') FROM task FOR UPDATE", []),
    ("CREATE TABLE task (a integer)", []),
    ("CREATE TABLE other AS SELECT * FROM task", []),
    ("ALTER TABLE task ADD b integer", []),
    ("DROP TABLE task", []),
    ("CREATE TRIGGER t AFTER UPDATE ON task FOR EACH ROW BEGIN DELETE FROM task; END", []),
    (
        "CREATE TRIGGER t AFTER UPDATE ON o FOR EACH ROW BEGIN UPDATE a SET b = CASE WHEN c THEN 1"
        " END; DELETE FROM d; END; UPDATE task SET a = 1",
        ["UPDATE task"],
    ),
    (
        "CREATE PROCEDURE p() BEGIN IF a THEN DELETE FROM b; END IF; CASE c WHEN 1 THEN"
        " DELETE FROM d; END CASE; END; DELETE FROM task",
        ["DELETE task"],
    ),
]

BY_VENDOR = [
    ("postgresql", 'UPDATE "public"."Ta""sk" SET a = 1', ['UPDATE Ta"sk']),
    ("postgresql", "UPDATE ONLY task * SET a = 1 FROM other WHERE b", ["UPDATE task"]),
    ("postgresql", "DELETE FROM ONLY task USING other o WHERE o.a = task.a", ["DELETE task"]),
    ("postgresql", "/* a /* b */ DELETE FROM c */ DELETE FROM task", ["DELETE task"]),
    ("postgresql", "/* a /* b */ DELETE FROM task", []),
    ("postgresql", "TRUNCATE task", ["TRUNCATE task"]),
    (
        "postgresql",
        "TRUNCATE TABLE ONLY task, public.other * RESTART IDENTITY CASCADE",
        ["TRUNCATE task", "TRUNCATE other"],
    ),
    ("postgresql", "MERGE INTO task t USING other o ON o.a = t.a", ["MERGE task"]),
    ("postgresql", "COPY task (a, b) FROM STDIN", ["COPY task"]),
    ("postgresql", "COPY public.task FROM PROGRAM 'x'", ["COPY task"]),
    ("postgresql", "COPY task TO STDOUT", []),
    ("postgresql", "COPY (SELECT * FROM task) TO STDOUT", []),
    ("postgresql", "COPY (DELETE FROM task RETURNING *) TO STDOUT", ["DELETE task"]),
    (
        "postgresql",
        "WITH a AS (DELETE FROM task RETURNING *), b AS MATERIALIZED (UPDATE other SET c = 1"
        " RETURNING d) SELECT * FROM a",
        ["DELETE task", "UPDATE other"],
    ),
    (
        "postgresql",
        "WITH a AS (DELETE FROM task RETURNING *) INSERT INTO other SELECT * FROM a",
        ["DELETE task", "INSERT other"],
    ),
    ("postgresql", "EXPLAIN (ANALYZE, BUFFERS) UPDATE task SET a = 1", ["UPDATE task"]),
    ("postgresql", "SELECT $$ ; DELETE FROM task; $$", []),
    ("postgresql", "SELECT $a$ $$ ; DELETE FROM task; $b$ $a$", []),
    ("postgresql", "SELECT $1; DELETE FROM task WHERE $2", ["DELETE task"]),
    ("postgresql", "SELECT E'it\\'s; DELETE FROM task'", []),
    ("postgresql", "SELECT 'a\\'; DELETE FROM task; --'", ["DELETE task"]),
    (
        "postgresql",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DELETE FROM a; END $$ LANGUAGE plpgsql;"
        " UPDATE task SET b = 1",
        ["UPDATE task"],
    ),
    (
        "postgresql",
        "CREATE RULE r AS ON UPDATE TO a DO ALSO (INSERT INTO b VALUES (1); DELETE FROM c);"
        " UPDATE task SET b = 1",
        ["UPDATE task"],
    ),
    ("postgresql", "DO $$ BEGIN DELETE FROM task; END $$", []),
    ("sqlite", "INSERT OR REPLACE INTO task VALUES (1)", ["INSERT task"]),
    ("sqlite", "UPDATE OR IGNORE [task] SET a = 1", ["UPDATE task"]),
    ("sqlite", "REPLACE INTO main.task VALUES (1)", ["REPLACE task"]),
    ("sqlite", "UPDATE 'task' SET a = 1", ["UPDATE task"]),
    ("sqlite", "SELECT [; DELETE FROM task]", []),
    ("sqlite", "SELECT 'a\\'; DELETE FROM task", ["DELETE task"]),
    ("sqlite", "SELECT $a, $b; DELETE FROM task WHERE c = $d", ["DELETE task"]),
    ("mysql", "INSERT LOW_PRIORITY IGNORE task SET a = 1", ["INSERT task"]),
    ("mysql", "REPLACE DELAYED task VALUES (1)", ["REPLACE task"]),
    ("mysql", "TRUNCATE TABLE `task`", ["TRUNCATE task"]),
    ("mysql", "UPDATE task a JOIN other b ON a.c = b.c SET a.d = b.d", ["UPDATE task"]),
    ("mysql", "UPDATE other b, task AS a SET a.d = b.d, a.e = (b.e, 1) WHERE a.f", ["UPDATE task"]),
    ("mysql", "UPDATE (task a, other b) SET a.d = 1, b.d = 2", ["UPDATE task", "UPDATE other"]),
    ("mysql", "UPDATE task JOIN other USING (c) SET d = 1", ["UPDATE task", "UPDATE other"]),
    (
        "mysql",
        "UPDATE task USE INDEX (i, j) LEFT JOIN (SELECT x, y FROM z) b ON b.x = task.x"
        " SET db.task.d = 1 ORDER BY 1",
        ["UPDATE task"],
    ),
    ("mysql", "DELETE a FROM task AS a JOIN other b ON a.c = b.c", ["DELETE task"]),
    ("mysql", "DELETE QUICK task.*, b FROM task, other b", ["DELETE task", "DELETE other"]),
    ("mysql", "DELETE FROM a USING task AS a JOIN other", ["DELETE task"]),
    ("mysql", "LOAD DATA LOCAL INFILE 'x' REPLACE INTO TABLE task (a)", ["LOAD task"]),
    ("mysql", 'UPDATE "task" SET a = 1', ["UPDATE task"]),
    ("mysql", "/*!40000 DELETE*/ FROM task", ["DELETE task"]),
    ("mysql", "# it's\nDELETE FROM task", ["DELETE task"]),
    ("mysql", "SELECT 'it\\'s; DELETE FROM task'", []),
    ("mysql", 'SELECT "; DELETE FROM task"', []),
    ("mysql", "SELECT 1 # ; DELETE FROM task", []),
    ("mysql", "SELECT 2*/*; DELETE FROM task*/3", []),
    ("mysql", "ANALYZE FORMAT=JSON UPDATE task SET a = 1", ["UPDATE task"]),
    ("mysql", "ANALYZE TABLE task", []),
    ("mysql", "SET STATEMENT max_statement_time=1 FOR DELETE FROM task", ["DELETE task"]),
    ("mysql", "UPDATE 2fa SET a = 1", ["UPDATE 2fa"]),
    ("oracle", "MERGE INTO task USING other", ["MERGE task"]),
]

CASES = [(v, sql, writes) for sql, writes in EVERYWHERE for v in VENDORS] + BY_VENDOR


@pytest.mark.parametrize(("vendor", "sql", "writes"), CASES)
def test_the_writes_of_a_text_are_these(vendor, sql, writes):
    found = written_by(sql, vendor).writes
    assert [f"{verb} {table}" for verb, table in found] == writes


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE task SET a = 1",
        "DELETE FROM task;",
        "REPLACE INTO task VALUES (1)",
        "UPDATE task SET a = 1; SET CONSTRAINTS ALL IMMEDIATE",
    ],
)
def test_one_write_has_the_row_count_of_its_cursor(sql):
    assert written_by(sql, "sqlite").counted


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE task SET a = 1; DELETE FROM task",
        "SELECT 1; DELETE FROM task",
        "SET a = 1; DELETE FROM task",
        "UPDATE task SET a = 1; SET STATEMENT b = 1 FOR DELETE FROM task",
        "TRUNCATE task",
        "WITH a AS (DELETE FROM task RETURNING *) SELECT * FROM a",
        "EXPLAIN ANALYZE DELETE FROM task",
    ],
)
def test_several_statements_have_no_row_count_of_their_own(sql):
    assert written_by(sql, "postgresql").writes
    assert not written_by(sql, "postgresql").counted


def test_what_was_read_once_is_known_unless_it_is_long():
    raw_sql._cached.cache_clear()
    long = "INSERT INTO task VALUES " + ", ".join(["(%s)"] * raw_sql.CACHED_LENGTH)
    for sql in ("DELETE FROM task", long):
        assert written_by(sql, "sqlite") == written_by(sql, "sqlite")
    assert raw_sql._cached.cache_info()[:2] == (1, 1)


PIECES = (
    "UPDATE DELETE INSERT INTO FROM SET WITH AS SELECT task other ; ; ( ) ( ) , . *"
    " ' \" ` [ ] $$ $a$ /* */ /*! -- # \\ E' \n"
    " EXPLAIN ANALYZE CREATE TRIGGER BEGIN END CASE COPY LOAD REPLACE MERGE"
    " TRUNCATE USING JOIN ON OR DO FOR é ß 0"
)
words = st.sampled_from(PIECES.split(" "))


@given(st.one_of(st.text(), st.lists(words).map(" ".join), st.lists(words).map("".join)))
def test_no_text_is_too_strange_to_be_read(sql):
    for vendor in VENDORS:
        assert isinstance(written_by(sql, vendor), Written)


def quoted(text, vendor):
    escaped = text.replace("\\", "\\\\") if vendor == "mysql" else text
    return "'" + escaped.replace("'", "''") + "'"


@given(st.one_of(st.text(), st.lists(words).map(" ".join)))
def test_a_query_is_no_write_whatever_is_in_its_literals(text):
    for vendor in VENDORS:
        literal = quoted(text, vendor)
        for sql in (
            f"SELECT {literal}, 1 FROM task WHERE a = {literal}",
            f"WITH a AS (SELECT {literal}) SELECT * FROM a WHERE ({literal} = b)",
            f"EXPLAIN ANALYZE SELECT {literal}",
        ):
            assert written_by(sql, vendor).writes == (), sql


@given(st.one_of(st.text(), st.lists(words).map(" ".join)))
def test_a_write_is_seen_whatever_is_in_the_literals_before_it(text):
    for vendor in VENDORS:
        sql = f"SELECT {quoted(text, vendor)}; DELETE FROM task"
        assert written_by(sql, vendor).writes == (("DELETE", "task"),), sql
