"""Records as their tables hold them now, with what the log knows as their newest change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connections, models

from sync.differences import key_of
from sync.log_state import newest_entries
from sync.restoring.chunks import chunks
from sync.restoring.references import Key
from sync.shape import Shape


class Held(NamedTuple):
    """One record: the instance and its canonical text, None and "" where it is gone, and the id of
    its newest entry."""

    instance: Any = None
    data: str = ""
    newest: int | None = None


class Present:
    """Looks records up, each once, and locks them if asked for: inside a transaction alone."""

    def __init__(self, using: str, *, locks: bool = False) -> None:
        self.using = using
        self._locks = locks and connections[using].features.has_select_for_update
        self._held: dict[Key, Held] = {}

    def load(self, shape: Shape, record_ids: Iterable[str]) -> list[Any]:
        """Look up many records with two statements for each five hundred, and return those that
        are there."""
        names = list(record_ids)
        wanted = sorted({name for name in names if (shape.table, name) not in self._held})
        for chunk in chunks(wanted):
            self._load(shape, chunk)
        held = (self._held[shape.table, name].instance for name in names)
        return [instance for instance in held if instance is not None]

    def load_all(self, records: Iterable[tuple[Shape, str]]) -> None:
        """Look up records of several tables, in the order of these: of two who lock them, one waits
        for the other, and neither for what the other has."""
        by_table: dict[str, list[tuple[Shape, str]]] = {}
        for shape, record_id in records:
            by_table.setdefault(shape.table, []).append((shape, record_id))
        for _table, named in sorted(by_table.items()):
            self.load(named[0][0], [record_id for _shape, record_id in named])

    def held(self, shape: Shape, record_id: str) -> Held:
        """Return one record."""
        self.load(shape, [record_id])
        return self._held[shape.table, record_id]

    def _load(self, shape: Shape, record_ids: Sequence[str]) -> None:
        keys = [key for name in record_ids if (key := key_of(shape, name, self.using)) is not None]
        found: models.QuerySet[Any] = models.QuerySet(shape.model, using=self.using)
        found = found.filter(pk__in=keys).order_by("pk")
        instances = {}
        for one in found.select_for_update() if self._locks else found:
            row = [getattr(one, name) for name in shape.names]
            instances[shape.record_id(row)] = one, shape.data(row)
        newest = newest_entries(shape.table, record_ids, self.using)
        for name in record_ids:
            instance, data = instances.get(name, (None, ""))
            entry = newest.get(name)
            self._held[shape.table, name] = Held(
                instance, data, None if entry is None else entry.pk
            )
