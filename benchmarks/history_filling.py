"""Fills the histories that are compared with as many rows each, of changes alike.

The hub's log is that of `log_filling`, with somebody and something rare in it. The others get a row
for each entry, a tenth as many records, and the same times.
"""

from __future__ import annotations

from typing import Any, Final

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from tqdm import tqdm

from benchmarks import log_filling
from benchmarks.capture_app.models import Audited, Owner, Simple
from benchmarks.log_filling import CHUNK, SECONDS_PER_ENTRY

RARE: Final = 40
"""Changes of the rare actor, and of the rare table."""

RARE_ACTOR: Final = "rare"
RARE_TABLE: Final = "memberships"

BYTES_PER_ENTRY: Final = 2600
"""What an entry takes in all three histories, with the write-ahead log."""

_AT: Final = f"now() - (%(total)s - n) * interval '{SECONDS_PER_ENTRY} seconds'"
_BY: Final = "CASE WHEN mod(n, %(rarely)s) = 0 THEN %(rare)s ELSE %(usual)s END"
_ROWS: Final = "FROM generate_series(%(start)s::bigint, %(end)s::bigint) AS n"

_AUDITLOG: Final = f"""
INSERT INTO auditlog_logentry (content_type_id, object_pk, object_id, object_repr, action,
    changes_text, changes, actor_id, cid, timestamp)
SELECT CASE WHEN mod(n, %(rarely)s) = 1 THEN %(owner_type)s ELSE %(type)s END,
    mod(n, %(records)s), mod(n, %(records)s), 'record ' || mod(n, %(records)s), 1, '',
    jsonb_build_object('title', jsonb_build_array('as of ' || n - 1, 'as of ' || n),
        'status', jsonb_build_array('todo', 'doing')),
    {_BY}, md5(n::text), {_AT}
{_ROWS}
"""

_SIMPLE: Final = f"""
INSERT INTO capture_app_historicalsimple (id, name, notes, count, price, active, due, owner_id,
    reference, options, day, history_date, history_change_reason, history_type, history_user_id)
SELECT mod(n, %(records)s), 'record ' || mod(n, %(records)s),
    repeat('What there is to say. ', 5), n, 1.5, true, now(), %(owner)s, md5(n::text)::uuid, '{{}}',
    now(), {_AT}, '', '~', {_BY}
{_ROWS}
"""

_RARE_IN_LOG: Final = """
UPDATE sync_log SET actor = %(actor)s, actor_id = %(rare)s::text
WHERE seq IN (SELECT n * %(rarely)s FROM generate_series(1, %(count)s) AS n);
UPDATE sync_log SET "table" = %(table)s
WHERE seq IN (SELECT n * 7 FROM generate_series(1, %(count)s) AS n)
"""


def fill(entries: int) -> int:
    """Replace the three histories by others of about so many rows; return how many."""
    total = log_filling.fill(entries)
    users = get_user_model().objects
    usual = users.get_or_create(username="usual")[0].pk
    rare = users.get_or_create(username=RARE_ACTOR)[0].pk
    owner = Owner.objects.create(name="owner")
    given = {
        "total": total,
        "records": total // 10,
        "rarely": total // RARE,
        "usual": usual,
        "rare": rare,
        "type": ContentType.objects.get_for_model(Audited).pk,
        "owner_type": ContentType.objects.get_for_model(Owner).pk,
        "owner": owner.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _RARE_IN_LOG,
            given | {"actor": RARE_ACTOR, "table": RARE_TABLE, "count": RARE},
        )
    _insert(_AUDITLOG, LogEntry._meta.db_table, given)
    _insert(_SIMPLE, Simple.history.model._meta.db_table, given)
    log_filling.tidy()
    with connection.cursor() as cursor:
        for table in (LogEntry._meta.db_table, Simple.history.model._meta.db_table):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute("CHECKPOINT")
    return total


def _insert(sql: str, table: str, given: dict[str, Any]) -> None:
    total = given["total"]
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL synchronous_commit = off")
        # Without a look at what each row refers to, which is the same few rows.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"TRUNCATE {table} RESTART IDENTITY")
        indexes = log_filling.drop_indexes(cursor, table)
        with tqdm(total=total, desc=table, unit=" rows", leave=False) as bar:
            for start in range(1, total + 1, CHUNK):
                end = min(start + CHUNK - 1, total)
                cursor.execute(sql, given | {"start": start, "end": end})
                bar.update(end - start + 1)
        for index in tqdm(indexes, desc="indexes", leave=False):
            cursor.execute(index)
