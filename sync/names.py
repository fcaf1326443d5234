"""Finds the registered table that a text of SQL names: without schema, and in any case."""

from __future__ import annotations

from sync.registry import Registration, registry

_index: tuple[tuple[Registration, ...], dict[str, Registration]] = ((), {})


def find_written(table: str) -> Registration | None:
    """Return the registration of a table as SQL names it.

    Asked for every statement of raw SQL that writes, so the names are folded once for all, until
    something is registered or removed.
    """
    global _index
    known = tuple(registry)
    if known != _index[0]:
        _index = known, {bare_name(one.table): one for one in known}
    return _index[1].get(table.lower())


def bare_name(table: str) -> str:
    """Return a table's name without schema, quotes and case: `Meta.db_table` may hold them all."""
    return table.replace("`", '"').strip('"').rpartition('"."')[2].lower()
