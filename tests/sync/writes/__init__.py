"""Every way in which the ORM changes rows, and the entries each must make."""

from tests.sync.writes import (  # noqa: F401  # each adds its rows
    bulk,
    conditions,
    database_actions,
    database_values,
    foreign_keys,
    inheritance,
    instances,
    keys,
    many_to_many,
    other_doors,
    query_sets,
    relations,
    transactions,
    upserts,
)
from tests.sync.writes.table import FIXTURE, WRITES, Write

__all__ = ["FIXTURE", "WRITES", "Write"]
