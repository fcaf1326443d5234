"""The records that point at a record, or did: those that do now are looked up in their tables. The
log has no index of what its entries point at, so that of those that do no more, the ones are found
that did lately, or went in one transaction with a change of the record."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from django.db.models import Max, Model, Q, QuerySet

from sync import codec
from sync.conf import conf
from sync.log_state import newest_entries
from sync.models import SyncLog
from sync.record_numbers import type_record
from sync.relations import Relation, relations, targets

OWN_ENTRIES: Final = 20
"""The newest entries of the record whose transactions are looked through."""

REACH: Final = 200
"""How many numbers before and behind such an entry are looked through: a transaction has its
numbers in one row."""


@dataclasses.dataclass(frozen=True, slots=True)
class Children:
    """The records found, and what was not looked at."""

    records: list[type_record]
    is_cut: bool
    """Whether there are more than `HISTORY_CHILDREN`."""
    since: datetime.datetime | None
    """What ceased to point at the record before this moment is not among them, unless it was in
    one transaction with one of the newest changes of the record; None: all of it is."""
    unindexed: list[type[Model]]
    """Models whose present rows are not looked up, for their tables have no index for it."""


def children(
    owners: Mapping[type_record, type[Model]], tables: Collection[str], using: str
) -> Children:
    """Return the records of these tables that point at a record, given as the rows that it is made
    of, with their models. Bounded, however many there are and however long the log is."""
    limit = conf().HISTORY_CHILDREN
    found = [one for one in _relations(owners, using) if one.table in tables]
    starts = _starts({one.table for one in found}, using)
    lately = [Q(table=table, seq__gt=start) for table, start in starts.items()]
    together = _together(owners, using)
    former = _told(found, Q(*lately, *together, _connector=Q.OR), using, limit + 1)
    present = [one for relation in found for one in _present(relation, using, limit + 1)]
    records = list(dict.fromkeys(one for one in [*former, *present] if one not in owners))
    return Children(
        records[:limit],
        is_cut=len(records) > limit,
        since=_newest_moment(starts.values(), using),
        unindexed=[one.model for one in found if not one.is_indexed],
    )


def _relations(owners: Mapping[type_record, type[Model]], using: str) -> list[Relation]:
    found = []
    for (table, record_id), model in owners.items():
        entry = newest_entries(table, [record_id], using).get(record_id)
        values = targets(model, record_id, {} if entry is None else entry.values)
        found += relations(model, values)
    return found


def _present(relation: Relation, using: str, limit: int) -> list[type_record]:
    """Return the records that point there now, in no order: one would make the database read all
    of them, or another index from its end."""
    if not relation.is_indexed:
        return []
    keys = list(relation.model._meta.pk_fields)
    rows: QuerySet[Model] = relation.model._base_manager.using(using).filter(**relation.values)
    found = rows.order_by().values_list(*(key.attname for key in keys))[:limit]
    return [(relation.table, codec.record_id(row, keys)) for row in found]


def _starts(tables: Collection[str], using: str) -> dict[str, int]:
    """Return the number of each table behind which its newest entries are looked through; 0 where
    that is all of them."""
    size = conf().HISTORY_CHILDREN_WINDOW // max(len(tables), 1)
    log = SyncLog.objects.using(using).published().order_by("-seq").values_list("seq", flat=True)
    return {
        table: next(iter(log.filter(table=table)[size : size + 1]), None) or 0 for table in tables
    }


def _together(owners: Mapping[type_record, type[Model]], using: str) -> list[Q]:
    """Return the conditions of what was in one transaction with a newest change of the record."""
    log = SyncLog.objects.using(using).published().order_by("-seq")
    newest = [
        place
        for table, record_id in owners
        for place in log.filter(table=table, record_id=record_id).values_list("seq", "transaction")[
            :OWN_ENTRIES
        ]
    ]
    return [
        Q(transaction=transaction, seq__gte=seq - REACH, seq__lte=seq + REACH)
        for seq, transaction in newest
        if seq is not None
    ]


def _told(found: Sequence[Relation], where: Q, using: str, limit: int) -> list[type_record]:
    """Return the records that entries in a part of the log say to have pointed there, those that
    changed last first."""
    if not found:
        return []
    pointing = Q(*(_says(relation) for relation in found), _connector=Q.OR)
    log = SyncLog.objects.using(using).published().filter(where, pointing)
    records = log.values_list("table", "record_id").annotate(last=Max("seq"))
    return [(table, one) for table, one, _ in records.order_by("-last")[:limit]]


def _says(relation: Relation) -> Q:
    """Return the condition of an entry whose record points there. A value is looked for with what
    follows it, else a number would be found in every longer one."""
    ends = [
        Q(data__contains=f"{fragment},") | Q(data__contains=f"{fragment}}}")
        for fragment in relation.fragments
    ]
    return Q(*ends, table=relation.table)


def _newest_moment(numbers: Iterable[int], using: str) -> datetime.datetime | None:
    """Return when the newest of some entries was published; None where there is none."""
    entries = SyncLog.objects.using(using).filter(seq__in=[one for one in numbers if one])
    return entries.order_by("-seq").values_list("published_at", flat=True).first()
