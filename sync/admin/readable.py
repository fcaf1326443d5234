"""Values of the log as people read them: names of choices, local times, words for the truth."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import models
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.dateparse import parse_duration
from django.utils.duration import duration_string
from django.utils.translation import gettext as _

from sync import codec
from sync.admin.labels import Label
from sync.record_numbers import type_record
from sync.shown import Redacted

Field = Any
"""A field of a model; the stubs know nothing of keys and generated columns."""

NONE: Final = "none"
BLANK: Final = "blank"
REDACTED: Final = "redacted"
RECORD: Final = "record"
MOMENT: Final = "moment"
JSON: Final = "json"
TEXT: Final = "text"
PLAIN: Final = "plain"


@dataclasses.dataclass(frozen=True, slots=True)
class Readable:
    """A value for `admin/sync/side.html`."""

    kind: str
    text: str = ""
    exact: str = ""
    """What the log holds, where the text says it in another way."""
    label: Label | None = None
    """The record that the value refers to."""

    @property
    def exactly(self) -> Readable:
        """The value as the log holds it, for where people would see no difference."""
        if not self.exact or self.label is not None:
            return self
        return dataclasses.replace(self, text=self.exact, exact="")


def readable(field: Field | None, value: Any, named: Mapping[type_record, Label]) -> Readable:
    """Return an encoded value of a field as people read it; as it is where the field, as the model
    has it today, cannot read it, or is gone."""
    if value is None:
        return Readable(NONE)
    if isinstance(value, Redacted):
        return Readable(REDACTED, str(value))
    if value == "" and not isinstance(field, models.BinaryField):
        return Readable(BLANK)
    if field is None:
        return _as_it_is(value)
    pair = referred(field, value)
    if pair is not None and pair in named:
        return Readable(RECORD, named[pair].text, pair[1], named[pair])
    if choice := _choice(field, value):
        return Readable(PLAIN, choice, _as_text(value))
    return _of_type(field, value)


def referred(field: Field, value: Any) -> type_record | None:
    """Return the table and the id of the record that a foreign key refers to."""
    target = getattr(field, "target_field", None) if field.remote_field else None
    if target is None or not target.primary_key or value is None or isinstance(value, Redacted):
        return None
    return target.model._meta.db_table, _as_text(value)


def _choice(field: Field, value: Any) -> str:
    text = codec.to_json(value)
    for key, name in field.flatchoices or ():
        if codec.to_json(codec.encode_value(key, field)) == text:
            return str(name)
    return ""


def _of_type(field: Field, value: Any) -> Readable:
    if field.primary_key or field.remote_field:
        return _as_it_is(value)  # a key is no quantity, whose digits may be grouped
    stored = field.output_field if field.generated else field
    way = next((way for kind, way in _WAYS.items() if isinstance(stored, kind)), _as_it_is)
    try:
        found = way(value)
    except (ValueError, TypeError, ArithmeticError, AttributeError):
        return _as_it_is(value)
    return dataclasses.replace(found, exact="") if found.exact == found.text else found


def _as_it_is(value: Any) -> Readable:
    if isinstance(value, dict | list):
        return Readable(JSON, as_json(value))
    return Readable(TEXT if isinstance(value, str) else PLAIN, _as_text(value))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else codec.to_json(value)


def as_json(value: Any) -> str:
    """Return a JSON value for people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _document(value: Any) -> Readable:
    return Readable(JSON, as_json(value))


def _moment(value: str) -> Readable:
    moment = datetime.datetime.fromisoformat(value)
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return Readable(MOMENT, formats.date_format(local, "DATETIME_FORMAT"), value)


def _day(value: str) -> Readable:
    day = datetime.date.fromisoformat(value)
    return Readable(MOMENT, formats.date_format(day, "DATE_FORMAT"), value)


def _time(value: str) -> Readable:
    time = datetime.time.fromisoformat(value)
    return Readable(MOMENT, formats.time_format(time, "TIME_FORMAT"), value)


def _duration(value: str) -> Readable:
    duration = parse_duration(value)
    return (
        _as_it_is(value) if duration is None else Readable(PLAIN, duration_string(duration), value)
    )


def _number(value: Any) -> Readable:
    number = value if isinstance(value, int | float) else decimal.Decimal(value)
    if isinstance(number, decimal.Decimal) and not number.is_finite():
        return _as_it_is(value)
    return Readable(PLAIN, str(formats.localize(number)), _as_text(value))


def _truth(value: bool) -> Readable:
    return Readable(PLAIN, _("yes") if value else _("no"), _as_text(value))


def _bytes(value: str) -> Readable:
    return Readable(PLAIN, filesizeformat(len(base64.b64decode(value, validate=True))), value)


_WAYS: Final[Mapping[type[Any], Callable[[Any], Readable]]] = {
    models.JSONField: _document,
    models.DateTimeField: _moment,
    models.DateField: _day,
    models.TimeField: _time,
    models.DurationField: _duration,
    models.BooleanField: _truth,
    models.IntegerField: _number,
    models.FloatField: _number,
    models.DecimalField: _number,
    models.BinaryField: _bytes,
}
"""What is tried in this order, for a date-time field is a date field too."""
