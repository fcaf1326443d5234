"""The indexes by which the pages of the history find entries."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from sync.indexes import PartialIndex


def _lookup(column: str, name: str) -> PartialIndex:
    """Return the index by which the history finds the entries of one value, newest first: with the
    number in it, so that a value of millions of entries is read a page at a time."""
    where = Q(seq__isnull=False) & Q(**{f"{column}__gt": ""})
    return PartialIndex(fields=[column, "seq"], where=where, name=name)


LOOKUPS: Final = (
    PartialIndex(
        fields=["transaction", "seq"], where=Q(seq__isnull=False), name="sync_log_of_commit"
    ),
    _lookup("actor_id", "sync_log_of_actor_id"),
    _lookup("actor", "sync_log_of_actor"),
    _lookup("client_id", "sync_log_of_client"),
    _lookup("request_id", "sync_log_of_request"),
)
"""The indexes of what the pages of the history are asked for. Entries without a value are in none
of them, and a writer pays for none: an entry comes in when it is published."""
