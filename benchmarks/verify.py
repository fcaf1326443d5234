"""What was changed behind the log among a million rows: does `sync_verify` find it, and how fast?

    python benchmarks/verify.py
    python benchmarks/verify.py --rows 100000 --database sqlite

Fills a table and its log, on a SQLite and a PostgreSQL of this run's own, changes some records by
raw SQL in a few ranges, verifies, repairs and verifies again. Prints times, what was read and the
highest memory, and exits with 1 if anything else was found than what was planted.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

DATABASES = ("sqlite", "postgresql")
MAX_ROWS = 20_000_000
FILL = 50_000
PLANTED_RANGES = 3
WIDTH = 60


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows (1000000)")
    parser.add_argument("--planted", type=int, default=20, help="differences of each kind (20)")
    parser.add_argument("--database", choices=DATABASES, help="default: each, one after the other")
    given = parser.parse_args()
    if not 1000 <= given.rows <= MAX_ROWS or not 3 <= given.planted <= given.rows // 100:
        parser.error(f"1000 to {MAX_ROWS} rows, 3 differences of a kind to one in a hundred rows")
    return given


def prepare(database: str) -> None:
    """Have Django use a database of this run's own, whatever the environment offers."""
    os.environ |= {"HUB_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    os.environ.pop("TEST_DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill(rows: int) -> None:
    """Make the rows, and the log as it is when a backfill has been published."""
    from django.db import connection
    from tqdm import tqdm

    import sync
    from sync.models import LogHead

    bar = tqdm(total=rows, unit="row", desc="filling")
    with bar, sync.allow_raw_sql(), connection.cursor() as cursor:
        for start in range(0, rows, FILL):
            end = min(start + FILL, rows)
            for statement in (ROWS, ENTRIES, NEWEST):
                cursor.execute(f"{numbers(connection.vendor, start + 1, end)} {statement}")
            bar.update(end - start)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('sync_log', 'id'), %s)", [rows])
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("ANALYZE")
    LogHead.objects.update_or_create(pk=LogHead.SINGLETON, defaults={"seq": rows})


def numbers(vendor: str, first: int, last: int) -> str:
    """Return the beginning of a statement: `numbers` has the numbers from `first` to `last`."""
    if vendor == "postgresql":
        # Insert after WITH is a statement, too.
        return f"WITH numbers(n) AS (SELECT generate_series({first}, {last}))"
    following = f"SELECT n + 1 FROM numbers WHERE n < {last}"
    return f"WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL {following})"


ROWS = """
INSERT INTO testapp_stock (id, sku, warehouse, quantity)
SELECT n, 'sku-' || n, 'north', n % 1000 FROM numbers
"""

ENTRIES = """
INSERT INTO sync_log (id, seq, "table", record_id, action, data, audience, event, cause,
  "transaction", actor_id, actor, source, client_id, request_id, reason, codec, recorded_at,
  published_at)
SELECT n, n, 'testapp_stock', CAST(n AS text), 'insert',
  '{"id":' || n || ',"quantity":' || (n % 1000) || ',"sku":"sku-' || n
    || '","warehouse":"north"}',
  'everyone', 'stock.insert', '', '00000000000000000000000000000001', '', '', 'backfill',
  '', '', '', 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
FROM numbers
"""

NEWEST = """
INSERT INTO sync_newest (seq, entry_id, "table", record_id, audience, action)
SELECT n, n, 'testapp_stock', CAST(n AS text), 'everyone', 'insert' FROM numbers
"""


def plant(rows: int, count: int) -> dict[str, str]:
    """Change, delete and insert records by raw SQL, and return the kind of each by record id."""
    from django.db import connection

    import sync
    from sync.differences import MISSING_IN_LOG, MISSING_IN_TABLE, VALUES

    step = rows // PLANTED_RANGES
    keys = [1 + (n % PLANTED_RANGES) * step + n // PLANTED_RANGES for n in range(2 * count)]
    changed, gone = keys[:count], keys[count:]
    new = range(rows + 1, rows + 1 + count)
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE testapp_stock SET quantity = quantity + 1 WHERE id = %s", [[n] for n in changed]
        )
        cursor.executemany("DELETE FROM testapp_stock WHERE id = %s", [[n] for n in gone])
        cursor.executemany(
            "INSERT INTO testapp_stock (id, sku, warehouse, quantity) VALUES (%s, %s, 'north', 1)",
            [[n, f"new-{n}"] for n in new],
        )
    planted = dict.fromkeys(map(str, changed), VALUES) | dict.fromkeys(
        map(str, gone), MISSING_IN_TABLE
    )
    return planted | dict.fromkeys(map(str, new), MISSING_IN_LOG)


def verify(title: str, expected: dict[str, str]) -> tuple[Any, list[Any]]:
    """Verify once, print what it took, and return what was found."""
    from tqdm import tqdm

    from sync.verifying import Verification
    from tests.testapp.models import Stock

    started, worked = time.perf_counter(), time.process_time()
    verification = Verification(Stock, "default")
    with tqdm(total=verification.rows, unit="row", desc=title, leave=False) as bar:
        found = list(verification.differences(bar.update))
    seconds, own = time.perf_counter() - started, time.process_time() - worked
    right = {one.record_id: one.kinds[0] for one in found} == expected
    show(f"{title}: seconds (of these this process worked)", f"{seconds:.1f} ({own:.1f})")
    show(f"{title}: ranges read again, of all", f"{verification.read} of {verification.ranges}")
    show(f"{title}: differences found, of those planted", f"{len(found)} of {len(expected)}")
    if not right:
        raise SystemExit("Something else was found than what was planted.")
    return verification, found


def repair_all(verification: Any, found: list[Any]) -> None:
    from sync.publishing import publish
    from sync.repairing import repair

    started = time.perf_counter()
    repaired = sum(repair(verification.shape, one.record_id, "default") for one in found)
    publish()
    show("repaired", f"{repaired} in {time.perf_counter() - started:.1f} s")


def measure(given: argparse.Namespace) -> int:
    prepare(given.database)
    fill(given.rows)
    before = peak()
    show(f"{given.database}: rows", f"{given.rows:,}")
    verify("equal", {})
    planted = plant(given.rows, given.planted)
    verification, found = verify("planted", planted)
    repair_all(verification, found)
    verify("repaired", {})
    show("highest memory, in MB (before verifying)", f"{peak():.0f} ({before:.0f})")
    return 0


def peak() -> float:
    """Return the highest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(name: str, value: str) -> None:
    print(f"{name:<{WIDTH}}  {value:>12}", flush=True)


def main() -> int:
    given = arguments()
    if given.database:
        return measure(given)
    for database in DATABASES:
        done = subprocess.run([sys.executable, *sys.argv, "--database", database])
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
