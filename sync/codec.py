"""The one canonical text of a record: equal values are equal text, so that a diff never lies.

Version 1 of the encoding, as JSON values:

- decimals: text with exactly the field's decimal places (`"1.50"`)
- date-times: UTC with microseconds (`"2026-01-31T12:00:00.000000Z"`); naive ones without the `Z`
- dates and times: ISO 8601; times with microseconds; durations: ISO 8601 (`"P0DT00H01M30S"`)
- UUIDs: dashed, lower case; binary: base64; files: the stored name
- integers beyond 2^53 - 1: text, because RFC 8259 section 6 lets a reader round them
- not-a-number and the infinities: `"NaN"`, `"Infinity"`, `"-Infinity"`, for JSON has no such number
- objects: keys in order; anything else: `str(value)`
"""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.duration import duration_iso_string

VERSION: Final = 1
MAX_SAFE_INTEGER: Final = 2**53 - 1

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_raw_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def encode_value(value: Any, field: models.Field[Any, Any] | None = None) -> Any:
    """Return a database value as its canonical JSON value."""
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        return _encode_other(value, field)
    if encoder is _decimal:
        return _decimal(value, getattr(field, "decimal_places", None))
    # SQLite keeps 2.0 as 2, and a RETURNING clause gives it away.
    if encoder is _integer and field is not None and field.get_internal_type() == "FloatField":
        return _float(value)
    return encoder(value)


def to_json(values: Any) -> str:
    """Return already encoded values as canonical JSON text."""
    return _encode(values).decode()


def from_json(text: str) -> Any:
    """Return the encoded values of a JSON text."""
    return msgspec.json.decode(text)


def record_id(values: Sequence[Any], fields: Sequence[models.Field[Any, Any]]) -> str:
    """Return the text that names a record: `42`, a dashed UUID, a composite key as JSON."""
    encoded = [encode_value(value, field) for value, field in zip(values, fields, strict=True)]
    if len(encoded) > 1:
        return _encode(encoded).decode()
    only = encoded[0]
    return only if isinstance(only, str) else _encode(only).decode()


def changed_fields(before: str, after: str) -> list[str]:
    """Return the names of the fields whose values differ between two texts of one record."""
    if before == after:
        return []
    old, new = _raw_fields(before), _raw_fields(after)
    changed = [name for name, value in new.items() if old.get(name) != value]
    changed += [name for name in old if name not in new]
    return sorted(changed)


def blanked(text: str, names: frozenset[str]) -> tuple[str, frozenset[str]]:
    """Return the text of a record with null for the values of some fields, and which of them it
    has; all other values keep their text."""
    values = _raw_fields(text)
    held = names & values.keys()
    values.update(dict.fromkeys(held, msgspec.Raw(b"null")))
    return to_json(values), held


def _same(value: Any) -> Any:
    return value


def _text(value: str) -> str:
    """Return plain text; a lone surrogate, which JSON allows in an escape (RFC 8259 section 8.2)
    and UTF-8 cannot hold, becomes a question mark."""
    if type(value) is str and value.isascii():
        return value
    return value.encode(errors="replace").decode()


def _integer(value: int) -> int | str:
    value = int(value)  # of a subclass, for the JSON encoder knows the plain types alone
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return float(value) + 0.0  # zero for negative zero, which is equal to it
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _decimal(value: decimal.Decimal, places: int | None = None) -> str:
    if places is None or not value.is_finite():
        return str(value)
    with decimal.localcontext(prec=decimal.MAX_PREC):
        return format(value.quantize(decimal.Decimal(1).scaleb(-places)), "zf")


def _datetime(value: datetime.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(timespec="microseconds")
    utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode()


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {_text(str(key)): encode_value(item) for key, item in value.items()}


def _sequence(value: Sequence[Any]) -> list[Any]:
    return [encode_value(item) for item in value]


def _encode_other(value: Any, field: models.Field[Any, Any] | None) -> Any:
    """Find the encoder of a subclass: enum members, `FieldFile`, str and dict subclasses."""
    if isinstance(value, enum.Enum):
        return encode_value(value.value, field)
    if isinstance(value, FieldFile):
        return value.name or ""
    for base in type(value).__mro__[1:-1]:
        if base in _ENCODERS:
            return _ENCODERS[base](value)
    return str(value)


_ENCODERS: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): _same,
    bool: _same,
    str: _text,
    int: _integer,
    float: _float,
    decimal.Decimal: _decimal,
    datetime.datetime: _datetime,
    datetime.date: datetime.date.isoformat,
    datetime.time: lambda value: value.isoformat(timespec="microseconds"),
    datetime.timedelta: duration_iso_string,
    uuid.UUID: str,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    dict: _mapping,
    list: _sequence,
    tuple: _sequence,
}
