"""A constraint of PostgreSQL that refuses a row no sooner than at the commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection


@contextmanager
def teams_refused_at_the_commit() -> Iterator[None]:
    """Expect that the block inserts a team, and fails when its transaction is to be committed."""
    function = "suppress_redundant_updates_trigger"  # one that refuses to be a constraint
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON testapp_team DEFERRABLE"
            f" INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_catalog.{function}()"
        )
    try:
        with pytest.raises(DatabaseError, match=function):
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse ON testapp_team")
