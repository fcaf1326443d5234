"""Chooses how table and log of a model are read: by the database itself where it can."""

from __future__ import annotations

from django.db import DatabaseError, connections, transaction

from sync.checksums import ReadLog, ReadTable, Side
from sync.checksums_in_sql import SQLLog, SQLTable
from sync.errors import NotInSQL
from sync.ranges import type_ranges
from sync.shape import Shape
from sync.sql_functions import ensure_functions


def sides_of(shape: Shape, using: str, ranges: type_ranges) -> tuple[Side, Side]:
    """Return the table and its log, both read in the same way, so that their digests compare."""
    if connections[using].vendor == "postgresql" and _has_functions(using):
        try:
            return SQLTable(shape, using, ranges), SQLLog(shape.table, using, ranges)
        except NotInSQL:
            pass
    return ReadTable(shape, using, ranges), ReadLog(shape.table, using, ranges)


def _has_functions(using: str) -> bool:
    """Tell whether the functions are there, or could be made: that takes rights."""
    try:
        with transaction.atomic(using=using):
            ensure_functions(connections[using])
    except DatabaseError:
        return False
    return True
