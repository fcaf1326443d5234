"""Values of the log as a field holds them: the way back from the canonical text of a record.

What cannot be made exactly what it was is refused, for a restore that is nearly right is wrong.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_duration

from sync import codec
from sync.errors import DecodingError

if TYPE_CHECKING:
    Field = models.Field[Any, Any]

_FAILURES: Final = (ValueError, TypeError, ArithmeticError, ValidationError, AttributeError)

_LARGE: Final = re.compile(r"-?[1-9][0-9]{15,}")


def decode_value(value: Any, field: Field) -> Any:
    """Return the Python value of a field whose canonical value this is: saved again, it is the same
    canonical value. Raises `DecodingError` where the field, as it is today, cannot hold it."""
    if value is None:
        return None
    try:
        decoded = _decoded(value, field)
        again = codec.encode_value(decoded, field)
    except _FAILURES as error:
        raise DecodingError(field.name) from error
    if not _is_same(again, value, decoded):
        raise DecodingError(field.name)
    return decoded


def has_doubtful_numbers(value: Any) -> bool:
    """Tell whether a document holds a text that may have been a whole number: the log writes those
    beyond 2^53 - 1 as text, and nobody can tell them apart any more."""
    if isinstance(value, str):
        return bool(_LARGE.fullmatch(value)) and abs(int(value)) > codec.MAX_SAFE_INTEGER
    if isinstance(value, dict):
        return any(has_doubtful_numbers(item) for item in value.values())
    return isinstance(value, list) and any(has_doubtful_numbers(item) for item in value)


def _decoded(value: Any, field: Field) -> Any:
    remote: Any = field.remote_field
    if remote is not None:
        return decode_value(value, field.target_field)  # type: ignore[attr-defined]
    base = getattr(field, "base_field", None)
    if base is not None and isinstance(value, list):
        return [decode_value(item, base) for item in value]
    decoder = _DECODERS.get(field.get_internal_type())
    if decoder is not None:
        value = decoder(value)
    # Documents are as they are; to a JSON field a text would be JSON to be read.
    return value if isinstance(field, models.JSONField) else field.to_python(value)


def _is_same(again: Any, value: Any, decoded: Any) -> bool:
    if again == value:
        return True
    # A column that has got more decimal places writes the same number longer.
    return isinstance(decoded, decimal.Decimal) and decimal.Decimal(again) == decimal.Decimal(value)


def _moment(value: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(value)
    if timezone.is_aware(moment) != settings.USE_TZ:
        raise ValueError("recorded under another USE_TZ")
    return moment


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


def _duration(value: str) -> datetime.timedelta:
    found = parse_duration(value)
    if found is None:
        raise ValueError("no duration")
    return found


_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "BinaryField": _bytes,
    "DateTimeField": _moment,
    "DateField": datetime.date.fromisoformat,
    "TimeField": datetime.time.fromisoformat,
    "DecimalField": decimal.Decimal,
    "DurationField": _duration,
    "FloatField": float,
    "UUIDField": uuid.UUID,
}
