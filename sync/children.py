"""The records that point at a record, or did: those that do now are looked up in their tables. The
log has no index of what its entries point at, so that of those that do no more, the ones are found
that did lately, or went in one transaction with a change of the record."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from django.db.models import Max, Model, Q, QuerySet

from sync import codec
from sync.conf import conf
from sync.locking import head
from sync.log_state import newest_entries
from sync.models import SyncLog, SyncLogQuerySet
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
    end = head(using).seq
    start = end - conf().HISTORY_CHILDREN_WINDOW
    near = _near(owners, using)
    former = _told(found, near | Q(seq__gt=start, seq__lte=end), using)[: limit + 1]
    present = [one for relation in found for one in _present(relation, using, limit + 1)]
    records = list(dict.fromkeys(one for one in [*former, *present] if one not in owners))
    return Children(
        records[:limit],
        is_cut=len(records) > limit,
        since=_moment(using, start),
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


def _near(owners: Mapping[type_record, type[Model]], using: str) -> Q:
    """Return the condition of what was in one transaction with the newest changes of the record."""
    log = SyncLog.objects.using(using).published()
    near = Q(pk__in=[])
    for table, record_id in owners:
        own = log.filter(table=table, record_id=record_id).order_by("-seq")
        for seq, transaction in own.values_list("seq", "transaction")[:OWN_ENTRIES]:
            reached = Q(seq__gte=(seq or 0) - REACH, seq__lte=(seq or 0) + REACH)
            near |= reached & Q(transaction=transaction)
    return near


def _told(found: Sequence[Relation], where: Q, using: str) -> list[type_record]:
    """Return the records that entries in a part of the log say to have pointed there, those that
    changed last first."""
    pointing = Q(pk__in=[])
    for relation in found:
        of_relation = Q(table=relation.table)
        for fragment in relation.fragments:
            # What follows a value: else a number would be found in every longer one.
            ends = Q(data__contains=f"{fragment},") | Q(data__contains=f"{fragment}}}")
            of_relation &= ends
        pointing |= of_relation
    log: SyncLogQuerySet = SyncLog.objects.using(using).published()
    records = log.filter(where, pointing).values("table", "record_id").annotate(last=Max("seq"))
    newest_first = records.order_by("-last")[: conf().HISTORY_CHILDREN + 1]
    return [(one["table"], one["record_id"]) for one in newest_first]


def _moment(using: str, start: int) -> datetime.datetime | None:
    """Return when the last entry was published that is not looked at; None where there is none."""
    passed = SyncLog.objects.using(using).filter(seq__lte=start).order_by("-seq")
    return passed.values_list("published_at", flat=True).first()
