"""Every error the app raises, as one tree, each carrying the data that explains it."""

from __future__ import annotations

from typing import Any


class SyncError(Exception):
    """The base of every error raised by `sync`."""


class RegistrationError(SyncError):
    """A model cannot be registered as asked."""


class NotRegistered(SyncError):
    """A model or table is used that no `sync.py` registers."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not registered: call sync.register() in its app's sync.py.")
        self.name = name


class CaptureError(SyncError):
    """A write cannot be recorded exactly, so it is refused rather than lost."""


class NotInSQL(SyncError):
    """PostgreSQL cannot write something of a record as the encoding wants it."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(f"{label}: PostgreSQL cannot encode {reason}.")
        self.label = label
        self.reason = reason


class UncapturedWrite(SyncError):
    """Raw SQL wrote to a registered table where that is an error; the write has not stayed."""

    def __init__(self, table: str, verb: str, caller: str, model: str) -> None:
        super().__init__(
            f"{verb} on {table} past capture, at {caller}: clients would not hear of it. Write"
            f" within sync.allow_raw_sql(), and in the same transaction tell the log:"
            f" sync.record({model}, pks) or sync.record_deleted({model}, rows)."
        )
        self.table = table
        self.verb = verb
        self.caller = caller
        self.model = model

    def __reduce__(self) -> tuple[Any, ...]:
        # Test runners that use several processes send errors from one to another.
        return type(self), (self.table, self.verb, self.caller, self.model)


class AppendOnlyError(SyncError):
    """The log was about to be changed by something else than publishing or retention."""


class RetentionError(SyncError):
    """The log cannot be pruned as asked."""


class NoRetention(RetentionError):
    """Nothing says how long the entries of some tables are kept."""

    def __init__(self, tables: list[str | None]) -> None:
        super().__init__(
            "Nothing says how long to keep the entries of"
            f" {', '.join(table or 'any table' for table in tables)}: give --older-than, register"
            " with retention=, or set SYNC['RETENTION']."
        )
        self.tables = tables
        """None stands for every table that is not named."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.tables,)


class RedactionError(SyncError):
    """Values cannot be removed from the history as asked."""


class StillHeld(RedactionError):
    """A record still has values that are to be removed from its history."""

    def __init__(self, table: str, record_id: str, fields: list[str]) -> None:
        super().__init__(
            f"{table} {record_id} still has a value in {', '.join(fields)}, which the next save"
            " would record again: clear it in the table first, or say that it may stay there with"
            " keep=True (--keep)."
        )
        self.table = table
        self.record_id = record_id
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.table, self.record_id, self.fields)


class InvalidCursor(SyncError):
    """A cursor is not one that this log ever gave out."""

    def __init__(self, cursor: str) -> None:
        super().__init__("The cursor is malformed. Send back a cursor unchanged, or none.")
        self.cursor = cursor


class InvalidSince(SyncError):
    """A `since` is not a point in time."""

    def __init__(self, since: object) -> None:
        super().__init__(
            "`since` must be an ISO 8601 date and time such as 2026-01-31T12:00:00.000000Z."
        )
        self.since = since


class RecordBusy(SyncError):
    """A record could not be locked, because others were writing for too long."""

    def __init__(self, table: str, record_id: str) -> None:
        super().__init__(f"{table} {record_id} is being written by others: try again later.")
        self.table = table
        self.record_id = record_id


class DecodingError(SyncError):
    """A value of the log is none that its field can hold today."""

    def __init__(self, field: str) -> None:
        super().__init__(f"The recorded value of {field} is none that the field can hold now.")
        self.field = field


class RestoreError(SyncError):
    """A record cannot be restored as asked, and nothing was written; the text is for the person who
    asked, in that person's language."""


class ChangedMeanwhile(RestoreError):
    """What was previewed is no longer what is there."""
