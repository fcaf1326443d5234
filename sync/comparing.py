"""What differs between two states of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.history import Difference, rows_of


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return every field of two states of a record, those that differ first.

    A record that is not there is an empty mapping. Of a value that was removed on one side it is
    not known whether it differs, unless the other side has no such field at all.
    """
    return rows_of(before, after, before.keys() ^ after.keys())
