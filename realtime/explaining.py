"""Why did this client (not) get this change? What the log, the rights and presence know of it.

Values of records are not even read: an explanation can be shown to whoever may not see them.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from realtime import host_audiences
from realtime.errors import UnknownChange, UnknownRecord
from realtime.models import Right
from realtime.standings import Standing
from realtime.verdicts import Facts, Outcome, holding, verdict
from sync.columns import primary_key
from sync.conf import conf
from sync.errors import RedactionError
from sync.models import Newest, SyncLog, SyncLogQuerySet
from sync.registry import Registration

logger = logging.getLogger(__name__)

MOST_CHANGES: Final = 20
"""Changes of a record that are explained, the newest."""

NEARBY: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Explained:
    """One change and one client: what is known, and what follows from it."""

    entry: SyncLog
    standing: Standing
    facts: Facts
    outcome: Outcome
    newer: int | None
    """The change that pages bring in place of this one; None while it is the newest."""
    intervals: Sequence[Right]
    """When the user held the audience, as far as the hub has seen; earliest first."""
    is_given: bool | None
    """Whether the host gives the audience to the user now; None where that cannot be told."""


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say of a record and some clients."""

    registration: Registration
    record_id: str
    entries: Sequence[SyncLog]
    """The changes that are explained, earliest first; none where nothing was recorded although the
    table has the record."""
    has_more: bool
    """Whether there are earlier changes."""
    explained: Sequence[Explained]

    @property
    def unsynced(self) -> list[str]:
        """The names of the fields that do not sync: changes of these alone are not told."""
        fields = self.registration.model._meta.local_concrete_fields
        return sorted({field.attname for field in fields} - self.registration.fields)


def explain(
    standings: Sequence[Standing],
    registration: Registration,
    record_id: str,
    *,
    seq: int | None = None,
    since: datetime.datetime | None = None,
) -> Explanation:
    """Explain for each client the newest changes of a record: one, or those recorded `since`.

    Raises `UnknownRecord` for a record that neither the log nor the table has, and `UnknownChange`
    where it has no such change.
    """
    entries = _entries(registration.table, record_id, seq, since)
    if not entries:
        _refuse_unknown(registration, record_id, seq, since)
    found = entries[:MOST_CHANGES][::-1]
    explained = _explained(standings, found) if found else []
    return Explanation(registration, record_id, found, len(entries) > MOST_CHANGES, explained)


def _log() -> SyncLogQuerySet:
    return SyncLog.objects.using(conf().DATABASE).defer("data")


def _entries(
    table: str, record_id: str, seq: int | None, since: datetime.datetime | None
) -> list[SyncLog]:
    """Return the newest entries, newest first, one more than are explained. Published and waiting
    ones are asked for apart: SQLite reads the whole log for both at once."""
    found = _log().filter(table=table, record_id=record_id)
    if since is not None:
        found = found.filter(recorded_at__gte=since)
    published, size = found.published().order_by("-seq"), MOST_CHANGES + 1
    if seq is not None:
        return list(published.filter(seq=seq))
    waiting = list(found.pending().order_by("-id")[:size])
    return [*waiting, *published[: size - len(waiting)]]


def _refuse_unknown(
    registration: Registration,
    record_id: str,
    seq: int | None,
    since: datetime.datetime | None,
) -> None:
    if others := _entries(registration.table, record_id, None, None):
        name = str(seq) if since is None else f"since {since.isoformat()}"
        places = [str(one.seq) for one in others if one.seq is not None]
        raise UnknownChange(name, places[:NEARBY])
    if not _is_in_table(registration, record_id):
        raise UnknownRecord(f"{registration.table} {record_id}", _nearby(registration, record_id))


def _is_in_table(registration: Registration, record_id: str) -> bool:
    model = registration.model
    try:
        key = primary_key(model, record_id)
    except RedactionError:
        return False
    rows = model._base_manager.using(conf().DATABASE)
    return rows.filter(pk=key[0] if len(key) == 1 else key).exists()


def _nearby(registration: Registration, record_id: str) -> list[str]:
    """Return records of the log whose ids are next to one, as texts."""
    newest = Newest.objects.using(conf().DATABASE).filter(table=registration.table)
    above = newest.filter(record_id__gt=record_id).order_by("record_id")
    below = newest.filter(record_id__lt=record_id).order_by("-record_id")
    ids = [
        *below.values_list("record_id", flat=True)[:NEARBY],
        *above.values_list("record_id", flat=True)[:NEARBY],
    ]
    return list(dict.fromkeys(sorted(ids)))


def _explained(standings: Sequence[Standing], entries: Sequence[SyncLog]) -> list[Explained]:
    newest = _newest(entries[0].table, entries[0].record_id)
    users = {one.user.pk: one.user for one in standings}
    held = _Rights.of(users, {one.audience for one in entries} | newest.keys())
    return [
        _one(entry, standing, _newer(entry, standing, newest, held), held)
        for entry in entries
        for standing in standings
    ]


def _newest(table: str, record_id: str) -> dict[str, int]:
    """Return the newest change of a record in each audience: what pages bring."""
    newest = Newest.objects.using(conf().DATABASE).filter(table=table, record_id=record_id)
    return dict(newest.values_list("audience", "seq"))


@dataclasses.dataclass(frozen=True, slots=True)
class _Rights:
    """Who held what when, and who is given what now."""

    intervals: Mapping[tuple[str, str], Sequence[Right]]
    known: frozenset[str]
    given: Mapping[Any, frozenset[str] | None]

    @classmethod
    def of(cls, users: Mapping[Any, Any], audiences: Iterable[str]) -> _Rights:
        rows = Right.objects.filter(user_id__in=[str(pk) for pk in users])
        intervals = defaultdict[tuple[str, str], list[Right]](list)
        for row in rows.filter(audience__in=set(audiences)).order_by("id"):
            intervals[row.user_id, row.audience].append(row)
        known = frozenset(rows.values_list("user_id", flat=True).distinct())
        return cls(intervals, known, {pk: _given(user) for pk, user in users.items()})


def _given(user: Any) -> frozenset[str] | None:
    try:
        return host_audiences.audiences_for(user)
    except Exception as error:
        logger.warning("SYNC['AUDIENCES'] cannot tell what user %s may hear: %s", user.pk, error)
        return None


def _newer(
    entry: SyncLog, standing: Standing, newest: Mapping[str, int], held: _Rights
) -> int | None:
    """Return what pages bring in place of an entry, if they do: the record's newest change in its
    audience, and in place of a delete also what another audience of the client gave later."""
    if entry.seq is None:
        return None
    places = [newest.get(entry.audience, 0)]
    if entry.action == SyncLog.Action.DELETE:
        places += [seq for name, seq in newest.items() if _hears(name, standing, held)]
    return max(places) if max(places) > entry.seq else None


def _hears(audience: str, standing: Standing, held: _Rights) -> bool:
    user_id = str(standing.user.pk)
    intervals = held.intervals.get((user_id, audience), ())
    is_held = any(right.lost_seq is None for right in intervals)
    if user_id not in held.known:
        is_held = audience in (held.given[standing.user.pk] or ())
    return is_held and _is_in_scope(audience, standing) and _is_in(audience, standing.asked)


def _one(entry: SyncLog, standing: Standing, newer: int | None, held: _Rights) -> Explained:
    user_id, seq = str(standing.user.pk), entry.seq
    intervals = held.intervals.get((user_id, entry.audience), ())
    given = held.given[standing.user.pk]
    is_given = None if given is None else entry.audience in given
    turned, at = holding(
        intervals, seq or 0, is_given=bool(is_given), is_new=user_id not in held.known
    )
    facts = Facts(
        seq=seq,
        is_event=not entry.is_unchanged,
        holding=turned,
        turned=at,
        in_scope=_is_in_scope(entry.audience, standing),
        hears_table=_is_in(entry.table, standing.tables),
        hears_audience=_is_in(entry.audience, standing.asked),
        may_connect=standing.may_connect,
        is_connected=standing.is_connected,
        is_reading=standing.is_reading,
        joined=standing.joined,
        handed=standing.handed,
        sent=standing.sent,
        acknowledged=standing.acknowledged,
    )
    return Explained(entry, standing, facts, verdict(facts), newer, intervals, is_given)


def _is_in_scope(audience: str, standing: Standing) -> bool:
    of_device = None if standing.device is None else standing.device.audiences or None
    return _is_in(audience, standing.granted) and _is_in(audience, of_device)


def _is_in(name: str, names: Sequence[str] | None) -> bool:
    return names is None or name in names
