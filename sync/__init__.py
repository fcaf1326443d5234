"""What changed? Recording, ordering and reading the changes of registered models."""

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
)
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
    "context",
    "record",
    "record_deleted",
    "redact",
    "register",
]
