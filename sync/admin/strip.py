"""When changes were made: how many in each minute, hour or day, by what they did.

Few entries are counted. Of many an even sample is taken: the times grow with the numbers, so that
numbers at even distances tell how the times are spread, in one query whatever the log's size.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from django.utils import timezone

from sync.admin.bounded import Bounded, Span
from sync.admin.searching import Search, number_before
from sync.conf import conf

DEFAULT_AGE: Final = datetime.timedelta(hours=24)
"""How far back the strip goes where the search has no beginning."""

MAX_BARS: Final = 60

DAY: Final = datetime.timedelta(days=1)

STEPS: Final = (
    datetime.timedelta(minutes=1),
    datetime.timedelta(minutes=15),
    datetime.timedelta(hours=1),
    datetime.timedelta(hours=6),
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
)
"""How long the stretches of time may be; the last one is for logs of more than some decades."""

type_times = Iterable[tuple[datetime.datetime | None, str]]
"""When entries were published, and what they did."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time, from its beginning up to its end, and its changes by action."""

    since: datetime.datetime
    until: datetime.datetime
    counts: Counter[str]

    @property
    def total(self) -> int:
        return self.counts.total()


@dataclasses.dataclass(frozen=True, slots=True)
class Strip:
    """Stretches of time one behind the other."""

    bars: list[Bar]
    step: datetime.timedelta
    is_estimate: bool

    @property
    def total(self) -> int:
        return sum(bar.total for bar in self.bars)

    @property
    def tallest(self) -> int:
        return max((bar.total for bar in self.bars), default=0)


def strip(search: Search, bounded: Bounded, last: int) -> Strip:
    """Return how the changes that a search finds are spread over its time; `last` is where the log
    ends."""
    since, until = _range(search, bounded)
    edges, step = _edges(since, until)
    using = bounded.log.db
    span = Span(number_before(using, edges[0], last), number_before(using, until, last))
    limit = conf().HISTORY_EXACT_ROWS
    if span.size <= limit:
        times = _times(bounded, span)
        return Strip(_bars(edges, times, 1), step, is_estimate=False)
    if bounded.has_index and bounded.unseen(span) is None:
        times = _times_of(bounded, bounded.numbers(span, bounded.looks_at))
        return Strip(_bars(edges, times, 1), step, is_estimate=False)
    sample = conf().HISTORY_SAMPLE_ROWS
    numbers = [span.upto - span.size * place // sample for place in range(sample)]
    times = _times_of(bounded, numbers)
    return Strip(_bars(edges, times, span.size / sample), step, is_estimate=True)


def _range(search: Search, bounded: Bounded) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the search's time, without what lies before the log and after now."""
    now = timezone.now()
    until = min(search.until or now, now)
    since = search.begins
    if since is None:
        return max(until, _earliest(DEFAULT_AGE)) - DEFAULT_AGE, until
    if until - since > STEPS[0] * MAX_BARS:
        oldest = bounded.log.order_by("seq").values_list("published_at", flat=True).first()
        since = max(since, min(oldest or until, until))
    return min(since, until), until


def _earliest(age: datetime.timedelta) -> datetime.datetime:
    return datetime.datetime.min.replace(tzinfo=datetime.UTC) + 2 * max(age, DAY)


def _edges(
    since: datetime.datetime, until: datetime.datetime
) -> tuple[list[datetime.datetime], datetime.timedelta]:
    """Return the ends of the stretches, at even local times."""
    step = next((one for one in STEPS if (until - since) / one <= MAX_BARS), STEPS[-1])
    zone = timezone.get_current_timezone()
    local = since.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if step >= DAY:  # days are not all of the same length
        edges = [midnight]
        while edges[-1] < until:
            edges.append(edges[-1] + step)  # by the clock on the wall
        return [edge.astimezone(datetime.UTC) for edge in edges], step
    first = midnight.astimezone(datetime.UTC)
    first += (since - first) // step * step
    count = max(-((first - until) // step), 1)
    return [first + number * step for number in range(count + 1)], step


def _times(bounded: Bounded, span: Span) -> type_times:
    entries = bounded.matching.filter(seq__gt=span.after, seq__lte=span.upto)
    return entries.order_by().values_list("published_at", "action")


def _times_of(bounded: Bounded, numbers: Sequence[int]) -> type_times:
    entries = bounded.matching.filter(seq__in=numbers)
    return entries.order_by().values_list("published_at", "action")


def _bars(edges: list[datetime.datetime], times: type_times, weight: float) -> list[Bar]:
    """Sort times into the stretches; each stands for as many entries as its weight says."""
    counts = [Counter[str]() for _ in edges[1:]]
    for published_at, action in times:
        if published_at is not None and edges[0] <= published_at < edges[-1]:
            counts[bisect.bisect_right(edges, published_at) - 1][action] += 1
    return [
        Bar(since, until, Counter({action: _weighed(n, weight) for action, n in counted.items()}))
        for since, until, counted in zip(edges, edges[1:], counts, strict=False)
    ]


def _weighed(number: int, weight: float) -> int:
    """Return how many entries a sample stands for, with the figures that it has a right to."""
    return number if weight == 1 else int(float(f"{number * weight:.2g}"))
