"""What every server sends: a record as JSON of about 200 bytes, a new one each time."""

from __future__ import annotations

from typing import Any, Final

_NOTES: Final = "n" * 112


def event(number: int) -> dict[str, Any]:
    """Return an event's data; it is the server's business to encode it, once or as often as it
    does."""
    return {
        "id": number,
        "project_id": 1,
        "title": f"task {number:06}",
        "status": "todo",
        "due": None,
        "notes": _NOTES,
    }
