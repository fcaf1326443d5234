"""Who held which audience when, as far as the hub has seen it.

A client that was away while its user's rights changed is told what to forget by it, and support is
told why somebody (did not) hear something. Kept per user and written only when a look at the rights
finds others than before. What a user holds when the hub first sees them counts as held ever since.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.db.models import Q
from django.utils import timezone

from realtime.conf import conf
from sync.conf import conf as sync_conf
from sync.cursor import Position
from sync.locking import head
from sync.models import SyncLog

if TYPE_CHECKING:
    from realtime.models import Right

Moment = tuple[datetime.datetime, int]

_NOTHING: Final = ""
"""Stands for holding no audience, so that a user who was seen with none is known."""

CHUNK: Final = 500
"""Rows written by one statement."""


def remember_all(held: Mapping[Any, frozenset[str]]) -> dict[Any, Exception]:
    """Keep what each user, by its key, holds from now on; return the errors of those for whom that
    failed."""
    from realtime.models import Right

    known: dict[str, set[str]] = {}
    if held:
        every = Right.objects.using(router.db_for_write(Right)).filter(lost_at=None)
        rows = every.filter(user_id__in=[str(key) for key in held])
        for user_id, audience in rows.values_list("user_id", "audience"):
            known.setdefault(user_id, set()).add(audience)
    errors: dict[Any, Exception] = {}
    for key, audiences in held.items():
        try:
            if known.get(str(key), set()) != (audiences or {_NOTHING}):
                _remember(str(key), audiences)
        except Exception as error:
            errors[key] = error
    return errors


def remember(user: Any, audiences: Iterable[str]) -> None:
    """Keep that a user holds just these audiences from now on.

    Two processes that see the same change may both write it: intervals then overlap, which no
    reader minds.
    """
    _remember(str(user.pk), audiences)


def _remember(user_id: str, audiences: Iterable[str]) -> None:
    from realtime.models import Right

    now_held = set(audiences) or {_NOTHING}
    using = router.db_for_write(Right)
    rows = Right.objects.using(using).filter(user_id=user_id)
    held = set(rows.filter(lost_at=None).values_list("audience", flat=True))
    if held == now_held:
        return
    is_new = not held and not rows.exists()
    now, seq = timezone.now(), head(sync_conf().DATABASE).seq
    since: dict[str, Any] = {} if is_new else {"gained_at": now, "gained_seq": seq}
    gained, lost = sorted(now_held - held), sorted(held - now_held)
    with transaction.atomic(using=using):
        for start in range(0, len(lost), CHUNK):
            part = rows.filter(lost_at=None, audience__in=lost[start : start + CHUNK])
            part.update(lost_at=now, lost_seq=seq)
        Right.objects.bulk_create(
            [Right(user_id=user_id, audience=name, **since) for name in gained], batch_size=CHUNK
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """What a client that was away has to forget, and what it has to be sent from zero on.

    What is gained is to be forgotten first: pages that were cut short, or live events, may have
    brought records of it that are gone by now.
    """

    lost: frozenset[str] = frozenset()
    gained: frozenset[str] = frozenset()

    @classmethod
    def between(cls, held: frozenset[str], permitted: frozenset[str]) -> Difference:
        """Return how what a client holds differs from what it may hear."""
        return cls(held ^ permitted, permitted - held)

    def __bool__(self) -> bool:
        return bool(self.lost or self.gained)


Start = Position | datetime.datetime


def differences(asked: Sequence[tuple[Any, frozenset[str], Start]]) -> list[Difference | Exception]:
    """Return how the rights of clients that stopped at a start differ from the permitted ones, for
    each user, permitted audiences and start; by one query where nothing has changed.

    Whatever may differ counts: a place in the log does not say on which side of a change of rights
    the client stopped, and its process may have heard of one a `RECHECK_INTERVAL` late.
    """
    from realtime.models import Right

    changed = Q(gained_at__isnull=False) | Q(lost_at__isnull=False)
    every = Right.objects.using(router.db_for_write(Right)).filter(changed)
    rows: defaultdict[str, list[Right]] = defaultdict(list)
    for row in every.filter(user_id__in={str(user.pk) for user, _, _ in asked}):
        if row.audience != _NOTHING:
            rows[row.user_id].append(row)
    return [_difference(rows[str(user.pk)], permitted, start) for user, permitted, start in asked]


def _difference(rows: Sequence[Right], permitted: frozenset[str], start: Start) -> Difference:
    if not rows:
        return Difference()
    surely = _surely_known(start)
    held = frozenset(r.audience for r in rows if r.lost_at and not _is_over(r.lost, start, surely))
    added = {
        r.audience
        for r in rows
        if r.lost_at is None and r.gained_at and not _is_over(r.gained, start, surely)
    }
    gained = permitted & added
    return Difference(held - permitted | gained, gained)


def _surely_known(start: Start) -> datetime.datetime | None:
    """Return until when every change of rights was known where a client stopped at `start`, as far
    as the log tells when that was."""
    stopped: datetime.datetime | None
    if isinstance(start, datetime.datetime):
        stopped = start
    else:
        before = SyncLog.objects.using(sync_conf().DATABASE).filter(seq__lte=start.whole_up_to)
        stopped = before.order_by("-seq").values_list("published_at", flat=True).first()
    return stopped and stopped - datetime.timedelta(seconds=2 * conf().RECHECK_INTERVAL)


def _is_over(at: Moment, start: Start, surely: datetime.datetime | None) -> bool:
    """Tell whether something had surely happened, and was known, when a client stopped."""
    time, seq = at
    if surely is None or time >= surely:
        return False
    return isinstance(start, datetime.datetime) or seq < start.whole_up_to
