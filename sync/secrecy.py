"""Which fields look as if they held a secret, told by their names and their types."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db import models

_TEXT: Final = re.compile(
    r"""
      passw | pass_?(word|phrase|code|key) | secret(?!ar|io|iv|ed) | connection_?string
    | (key|token|pass)_?(hash|digest)
    | (api|private|access|signing|auth|encryption|master|shared|session|hmac|licen[cs]e)_?keys?(_|$)
    | (recovery|backup|verification|activation|confirmation|reset|security|auth|mfa|2fa|one_?time)
      _?codes?(_|$)
    | seed_?phrase | tokens?(_|$) | credentials?(_|$)
    | (^|_)(pw|pwd|creds|[th]?otp|otpauth|jwt|bearer|salt|cvv|cvc|puk)(_|$)
    | (^|_)pin(_?(code|hash|number))?(_\d+)?$
    | (^|_)(admin|database|db|ftp|mail|proxy|smtp|user|wifi)_?pass$
    """,
    re.IGNORECASE | re.VERBOSE,
)

_NUMBER: Final = re.compile(
    r"pass_?code|(^|_)([th]?otp|cvv|cvc|puk)(_code)?$|(^|_)pin(_?(code|number))?$"
    r"|(recovery|backup|verification|activation|confirmation|reset|security|auth|mfa|2fa|one_?time)"
    r"_?code$",
    re.IGNORECASE,
)
"""The secrets that people type as digits; other numbers only tell of secrets (`tokens_used`)."""

_TELLING: Final = (
    models.BooleanField,
    models.DateField,
    models.TimeField,
    models.DurationField,
)
"""Types that can tell of a secret (`password_changed_at`, `has_pin`) and not hold one."""

_NUMBERS: Final = (models.IntegerField, models.FloatField, models.DecimalField)

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def looks_secret(field: models.Field[Any, Any]) -> bool:
    """Tell whether a field's name and type say that its value must not leave the server.

    It rather keeps back too much than too little: what it keeps back is told by the system check
    `sync.I001`, what it lets through is told by nobody.
    """
    held = _held(field)
    if isinstance(held, _TELLING):
        return False
    name = _HUMP.sub("_", field.name)
    if isinstance(held, _NUMBERS):
        return held is field and bool(_NUMBER.search(name))
    if isinstance(held, models.UUIDField) and held is not field:
        return False
    return bool(_TEXT.search(name))


def _held(field: Any) -> Any:
    """Return the field whose values the column holds: a foreign key to `Token` holds a number that
    opens nothing, unless the token itself is the key there."""
    while field.remote_field is not None and hasattr(field, "target_field"):
        field = field.target_field
    return getattr(field, "output_field", field) if field.generated else field
