"""Ages as people write them: a number and a unit."""

from __future__ import annotations

import datetime
import re
from typing import Final

from sync.errors import RetentionError

_AGE: Final = re.compile(r"(\d+)([wdhms])", re.ASCII)
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def age_of(text: str) -> datetime.timedelta:
    """Return the age that a text such as `90d` or `12h` says; raises `RetentionError`."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise RetentionError(f"{text!r}: give a number and a unit, such as 90d or 12h.")
    try:
        return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise RetentionError(f"{text!r} is longer than the calendar.") from error
