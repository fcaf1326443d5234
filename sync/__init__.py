"""What changed? Recording, ordering and reading the changes of registered models."""

from sync.bulk_audiences import in_bulk
from sync.context import context
from sync.errors import (
    AppendOnlyError,
    CaptureError,
    InvalidCursor,
    InvalidSince,
    NotRegistered,
    RedactionError,
    RegistrationError,
    SyncError,
    UncapturedWrite,
)
from sync.passing import allow_raw_sql
from sync.recording import record, record_deleted
from sync.redaction import redact
from sync.registry import ANY_CHANGE, EVERYONE, register

__all__ = [
    "ANY_CHANGE",
    "EVERYONE",
    "AppendOnlyError",
    "CaptureError",
    "InvalidCursor",
    "InvalidSince",
    "NotRegistered",
    "RedactionError",
    "RegistrationError",
    "SyncError",
    "UncapturedWrite",
    "allow_raw_sql",
    "context",
    "in_bulk",
    "record",
    "record_deleted",
    "redact",
    "register",
]
