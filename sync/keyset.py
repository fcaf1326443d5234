"""Reading a whole table in pages by key: every page is a short statement of its own.

A cursor over a million rows would hold them all in memory on MariaDB and MySQL, and keep the file
of a SQLite database locked against its writers for as long as the reading takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import models

PAGE: Final = 5000
"""Rows held in memory while a table is read."""


def behind(keys: Sequence[str], last: Sequence[Any]) -> models.Q:
    """Return the condition of the keyset page after `last`, column by column."""
    if len(keys) == 1:
        return models.Q(**{f"{keys[0]}__gt": last[0]})
    condition = models.Q()
    for index, key in enumerate(keys):
        equal = dict(zip(keys[:index], last[:index], strict=True))
        condition |= models.Q(**equal, **{f"{key}__gt": last[index]})
    # Implied by the rest, but databases look up an index by it and not by the alternatives.
    return models.Q(**{f"{keys[0]}__gte": last[0]}) & condition


def pages(
    rows: models.QuerySet[Any], keys: Sequence[str], names: Sequence[str], size: int | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the named columns of all rows, a page at a time, in the order of `keys`.

    `keys` must be among `names` and together be unique.
    """
    size = size or PAGE
    places = [names.index(key) for key in keys]
    ordered = rows.order_by(*keys)
    following = ordered
    while True:
        page = list(following.values_list(*names)[:size])
        if page:
            yield page
        if len(page) < size:
            return
        following = ordered.filter(behind(keys, [page[-1][place] for place in places]))
