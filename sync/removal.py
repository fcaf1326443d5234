"""The removal of values from the history of a record, from the first lock to the last entry.

All of it is one transaction, under the lock of the record's row, so that no writer of the record
is under way, and under that of the head, so that no publisher works on the old texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connections, models, router, transaction

from sync import forgetting
from sync.columns import attname, primary_key
from sync.errors import RedactionError, RegistrationError, StillHeld
from sync.locking import head, lock_head, read_committed
from sync.recording import Row
from sync.redaction import type_record
from sync.registry import registry
from sync.rewriting import batches, history_of, store, without
from sync.shape import Shape, shape_of

Progress = Callable[[int], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed: these fields of one record."""

    shape: Shape
    key: tuple[Any, ...]
    names: frozenset[str]
    using: str
    keep: bool = False

    @classmethod
    def of(
        cls,
        record: type_record,
        fields: Iterable[str],
        *,
        using: str | None = None,
        keep: bool = False,
    ) -> Removal:
        """Check what is asked for, as far as that is possible without the database."""
        instance = record if isinstance(record, models.Model) else None
        model, pk = record if isinstance(record, tuple) else (type(record), record.pk)
        registration = registry.get(model)
        shape = shape_of(registration, registration.model)
        alias = using or router.db_for_write(registration.model, instance=instance)
        return cls(shape, primary_key(shape.model, pk), _names(shape, fields), alias, keep)

    def run(self, progress: Progress | None = None) -> int:
        """Do it; `progress` is told of each batch how many entries were looked at. Returns how many
        were rewritten."""
        head(self.using)  # before the transaction, whose first statement has to be one that locks
        with transaction.atomic(using=self.using):
            read_committed(self.using)
            row = self._locked_row()
            found, rewritten = self._remove(row, progress)
            if rewritten:
                forgetting.record(self.shape, row, self.record_id(row), found, self.using)
        return rewritten

    def rehearse(self, progress: Progress | None = None) -> int:
        """Return how many entries `run` would rewrite, and raise what it would raise."""
        row = self.row()
        found, rewritten = self._remove(row, progress, is_rehearsal=True)
        if rewritten:
            forgetting.subject(self.shape, row, self.record_id(row), self.using)
        return rewritten

    def size(self) -> int:
        """Return how many entries there are to look at."""
        return history_of(self.using, self.shape.table, self.record_id(self.row())).count()

    def row(self, *, is_locked: bool = False) -> Row | None:
        """Return the record as the table holds it, or None where it is gone."""
        pk = self.key if len(self.key) > 1 else self.key[0]
        rows: models.QuerySet[Any] = models.QuerySet(self.shape.model, using=self.using)
        rows = rows.select_for_update() if is_locked else rows
        return next(iter(rows.filter(pk=pk).order_by().values_list(*self.shape.names)), None)

    def record_id(self, row: Row | None) -> str:
        """Return the text that names the record in the log."""
        return self.shape.id_of(self.key) if row is None else self.shape.record_id(row)

    def _locked_row(self) -> Row | None:
        """Lock the record before the head: a writer of the record may take its time, and whoever
        waits for it must not keep others from publishing. SQLite locks all of it at once."""
        if not connections[self.using].features.has_select_for_update:
            lock_head(self.using)
            return self.row()
        row = self.row(is_locked=True)
        lock_head(self.using)
        return row

    def _remove(
        self, row: Row | None, progress: Progress | None, *, is_rehearsal: bool = False
    ) -> tuple[frozenset[str], int]:
        """Rewrite the history; returns which of the fields it had, and how many entries changed."""
        self._refuse_what_the_table_holds(row)
        found, total = frozenset[str](), 0
        for batch in batches(self.using, self.shape.table, self.record_id(row)):
            looked_at = [without(entry, self.names) for entry in batch]
            found = found.union(*(held for held, _ in looked_at))
            rewritten = [new for _, new in looked_at if new is not None]
            if not is_rehearsal:
                store(self.using, rewritten)
            total += len(rewritten)
            if progress is not None:
                progress(len(batch))
        self._refuse_unknown(found)
        return found, total

    def _refuse_what_the_table_holds(self, row: Row | None) -> None:
        if row is None or self.keep:
            return
        registration = self.shape.registration
        recorded = self.names & registration.fields - registration.redact.keys()
        held = [
            field.name
            for field, value in zip(self.shape.fields, row, strict=True)
            if field.attname in recorded and not _is_cleared(field, value)
        ]
        if held:
            raise StillHeld(self.shape.table, self.record_id(row), held)

    def _refuse_unknown(self, found: frozenset[str]) -> None:
        """Refuse names that say nothing; a column that was dropped still is in the history."""
        columns = {field.attname for field in self.shape.model._meta.local_concrete_fields}
        if unknown := sorted(self.names - columns - found):
            raise RedactionError(
                f"{self.shape.model._meta.label} has no column for {', '.join(unknown)}, nor has"
                " the history of the record. Fields of a multi-table parent are redacted in the"
                " parent's record."
            )


def _names(shape: Shape, fields: Iterable[str]) -> frozenset[str]:
    """Return the fields by attribute name; one that the model does not have is looked for in the
    history later."""
    names = set()
    for name in [fields] if isinstance(fields, str) else fields:
        try:
            names.add(attname(shape.model, name))
        except RegistrationError:
            names.add(name)
    if not names:
        raise RedactionError("No fields were named: say which values are to be removed.")
    if keys := sorted(names & {field.attname for field in shape.key_fields}):
        raise RedactionError(
            f"The primary key {', '.join(keys)} cannot be redacted: it names the record. Delete the"
            " record instead."
        )
    if heard := sorted(names & (shape.registration.audience_fields or frozenset())):
        raise RedactionError(
            f"The audience of {shape.table} is made of {', '.join(heard)}, and tells who is to"
            " forget: register another audience and record the record anew before."
        )
    return frozenset(names)


def _is_cleared(field: models.Field[Any, Any], value: Any) -> bool:
    """Tell whether a value is as good as none: empty, or what a new record has anyway."""
    if value is None or value in list(field.empty_values):
        return True
    return field.has_default() and not callable(field.default) and bool(value == field.default)
