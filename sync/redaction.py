"""Removes values from the whole history of a record, and makes clients forget them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models

from sync.context import context

type_record = models.Model | tuple[type[models.Model], Any]
"""A record, or its model and its primary key."""


def redact(
    record: type_record,
    fields: Iterable[str],
    *,
    reason: str = "",
    using: str | None = None,
    keep: bool = False,
) -> int:
    """Remove the values of fields from every entry of one record, and tell clients to forget them.

    `record` is an instance, or `(Model, pk)`, which can name a record that is gone. The table is
    left alone: a value that it still holds is refused, because the next save would record it
    again, unless `keep` says that it may stay. Safe to run again.

    Returns how many entries were rewritten. Raises `RedactionError` or `NotRegistered`, and then
    nothing was changed. Inside a transaction of the caller publishing waits until that ends.
    """
    from sync.removal import Removal

    removal = Removal.of(record, fields, using=using, keep=keep)
    with context(reason=reason):
        return removal.run()
