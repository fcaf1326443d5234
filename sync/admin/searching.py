"""Which changes somebody asks to see: the filter of the feed, as an address carries it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.db.models import Q
from django.utils import timezone

from sync.admin.search_form import PERIODS, SearchForm
from sync.conf import conf
from sync.locking import head
from sync.models import SyncLog, SyncLogQuerySet
from sync.moments import newest_at
from sync.publishing import RESOLUTION

_EXACT: Final = {
    "action": "action",
    "audience": "audience",
    "client": "client_id",
    "record": "record_id",
    "request": "request_id",
    "source": "source",
    "transaction": "transaction",
}
"""Columns that a filter compares exactly."""


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """The filters of the feed, all of which a change has to match; an empty one matches every
    change. The names are those of the address."""

    q: str = ""
    table: str = ""
    action: str = ""
    field: str = ""
    actor: str = ""
    source: str = ""
    audience: str = ""
    record: str = ""
    transaction: str = ""
    request: str = ""
    client: str = ""
    period: str = ""
    """One of `PERIODS`, counted back from now."""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    """Published before this moment, which is itself left out: so that ranges meet."""
    errors: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)
    """What is wrong with values that were given, by name; the search goes on without them."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Return what an address asks for; wrong values are left out and told in `errors`."""
        form = SearchForm(data)
        form.is_valid()
        given = {name: value for name, value in form.cleaned_data.items() if value}
        if "transaction" in given:
            given["transaction"] = str(given["transaction"])
        errors = {name: " ".join(map(str, found)) for name, found in form.errors.items()}
        return cls(**given, errors=errors)

    def narrowed(self, **changes: Any) -> Self:
        """Return the search with some filters changed; another table drops the field."""
        if changes.get("table", self.table) != self.table:
            changes = {"field": ""} | changes
        return dataclasses.replace(self, **changes)

    @property
    def chosen(self) -> dict[str, str]:
        """The filters in use as texts of an address, in a fixed order."""
        found = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        del found["errors"]
        return {name: _as_text(value) for name, value in found.items() if value}

    def query_string(self, **more: Any) -> str:
        """Return the one query string of this search, with more arguments behind it."""
        return urlencode(self.chosen | {name: value for name, value in more.items() if value})

    def entries(self, visible_tables: Collection[str]) -> SyncLogQuerySet:
        """Return the published entries that match, unordered and unsliced.

        Times become numbers of the log here, by one look each. Whoever reads these in order has
        to bound how far: nothing but a few columns has an index.
        """
        log = SyncLog.objects.using(conf().DATABASE).published()
        found = log.filter(self.condition(visible_tables))
        after, upto = self.bounds()
        if after is not None:
            found = found.filter(seq__gt=after)
        return found if upto is None else found.filter(seq__lte=upto)

    def condition(self, visible_tables: Collection[str]) -> Q:
        """Return what a change has to match, but for its time."""
        tables = set(visible_tables)
        condition = Q(table__in=sorted(tables & {self.table} if self.table else tables))
        for name, column in _EXACT.items():
            if value := getattr(self, name):
                condition &= Q(**{column: value})
        if self.actor:
            condition &= Q(actor_id=self.actor) | Q(actor=self.actor)
        if self.field:
            # `changed` is canonical JSON text, and no name of a field has a quote.
            condition &= Q(changed__contains=json.dumps(self.field))
        if self.q:
            condition &= Q(*_anywhere(self.q, tables), _connector=Q.OR)
        return condition

    def lookups(self, visible_tables: Collection[str]) -> list[Q]:
        """Return conditions that together hold for all that is searched, each with an index that
        has the entries in their order; none where only reading the log in its order finds them."""
        tables = set(visible_tables) & {self.table} if self.table else set(visible_tables)
        if self.transaction:
            return [Q(transaction=self.transaction)]
        if self.request:
            return [_filled("request_id", self.request)]
        if self.record:
            return _records(self.record, tables)
        if self.client:
            return [_filled("client_id", self.client)]
        if self.actor:
            return [_filled("actor_id", self.actor), _filled("actor", self.actor)]
        if self.q:
            return _anywhere(self.q, tables)
        return []

    @property
    def is_lookup_alone(self) -> bool:
        """Whether the lookups find what is searched for, and nothing else; the times aside."""
        return self.filters in ({"record"}, {"table", "record"})

    @property
    def filters(self) -> set[str]:
        """The names of the filters in use, but for the time."""
        return self.chosen.keys() - {"period", "since", "until"}

    def bounds(self, last: int | None = None) -> tuple[int | None, int | None]:
        """Return the numbers between which the times lie: after the first, up to the second.
        `last` is where the log ends, if that is known already."""
        since = self.begins
        if since is None and self.until is None:
            return None, None
        using = conf().DATABASE
        last = head(using).seq if last is None else last
        return (
            None if since is None else number_before(using, since, last),
            None if self.until is None else number_before(using, self.until, last),
        )

    @property
    def begins(self) -> datetime.datetime | None:
        """The later of the two beginnings that may be given."""
        age = PERIODS.get(self.period)
        begun = None if age is None else timezone.now() - age
        return max(filter(None, (begun, self.since)), default=None)


def _anywhere(text: str, tables: Collection[str]) -> list[Q]:
    """Return the places where a text is searched for, each of which has an index."""
    columns = ("actor_id", "actor", "client_id", "request_id")
    places = [_filled(column, text) for column in columns] + _records(text, tables)
    try:
        return [*places, Q(transaction=uuid.UUID(text))]
    except ValueError:
        return places


def _records(record_id: str, tables: Collection[str]) -> list[Q]:
    """Name the table, for the index of records begins with it."""
    return [Q(table=table, record_id=record_id) for table in sorted(tables)]


def _filled(column: str, text: str) -> Q:
    """Say of the column also that it is filled: SQLite sees only by that which index it may use."""
    return Q(**{column: text, f"{column}__gt": ""})


def number_before(using: str, moment: datetime.datetime, last: int) -> int:
    """Return the number of the last entry published before a moment, or 0."""
    try:
        place = newest_at(using, moment - RESOLUTION, last)
    except OverflowError:  # the first moment of all
        return 0
    return 0 if place is None else place.seq


def _as_text(value: Any) -> str:
    return _local_text(value) if isinstance(value, datetime.datetime) else str(value)


def _local_text(moment: datetime.datetime) -> str:
    """Return a moment as a form field has it: local, and with its offset only where it is needed to
    tell two equal hours apart."""
    local = timezone.localtime(moment)
    naive = local.replace(tzinfo=None)
    is_only_one = naive.replace(fold=0, tzinfo=local.tzinfo).utcoffset() == local.utcoffset()
    is_only_one &= naive.replace(fold=1, tzinfo=local.tzinfo).utcoffset() == local.utcoffset()
    return (naive if is_only_one else local).isoformat()
