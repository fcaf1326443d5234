"""Numbers that addresses carry."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
"""As many digits as every database takes for a number."""


def number_in(text: str) -> int | None:
    """Return the number that a text is; None for every other text."""
    return int(text) if _NUMBER.fullmatch(text) else None
