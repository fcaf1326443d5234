"""A record's canonical texts as SQL expressions of PostgreSQL: what `sync.codec` makes of a row in
Python, the database makes byte for byte the same of it, so that either can stand for the other.

The expressions call the functions of `sync.sql_functions`. They are complete SQL: whoever executes
them together with parameters doubles their per cent signs.
"""

from __future__ import annotations

import dataclasses
import re
import string
from typing import Any, Final

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from sync import codec
from sync.errors import NotInSQL
from sync.shape import Shape
from sync.sql_functions import FLOAT, INTERVAL, JSON

Field = Any
"""A concrete field; what is asked of it here the stubs do not know of `models.Field`."""

MAX_NAME_LENGTH: Final = 63
"""Bytes of a name, which PostgreSQL would cut without a word."""

PLAIN_PLACES: Final = 6
"""Decimal places up to which Python writes no decimal with an exponent."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Text:
    """How a column of one type is written; `$` stands for the column, `@` for the
    schema of the functions."""

    value: str
    """A value of which PostgreSQL makes the right JSON by itself."""
    plain: str = ""
    """The text in a record's id; empty where a key cannot be of the type."""
    label: str = ""
    """The text in an audience, as `str.format` writes it; empty where that is not the same."""


def record_id_sql(shape: Shape, row: str, connection: BaseDatabaseWrapper, schema: str = "") -> str:
    """Return the expression of the text that names the record of `row`, an alias; where that is
    empty, of the only row there is.

    The functions are looked up in `schema`, a quoted name, or where it is empty in the search path.

    Raises `NotInSQL` where PostgreSQL cannot write it as Python does.
    """
    texts = [(_text(shape, field, connection), _column(field, row, connection))
             for field in shape.key_fields]  # fmt: skip
    if len(texts) > 1:
        items = " || ',' || ".join(
            f"to_json({_filled(text.value, column, schema)})::text" for text, column in texts
        )
        return f"('[' || {items} || ']')"
    text, column = texts[0]
    if not text.plain:
        raise NotInSQL(_label(shape, shape.key_fields[0]), "a primary key of this type")
    return f"({_filled(text.plain, column, schema)})"


def data_sql(shape: Shape, row: str, connection: BaseDatabaseWrapper, schema: str = "") -> str:
    """Return the expression of the canonical JSON text of the synced columns of `row`, an alias.

    Raises `NotInSQL` where PostgreSQL cannot write it as Python does.
    """
    # By bytes, as the encoder sorts them: not as a locale does.
    members = [
        _member(shape, field, row, connection, schema)
        for field in sorted(shape.fields, key=lambda field: field.attname.encode())
        if field.attname in shape.registration.fields
    ]
    # By the star, for a column may be called as the row is.
    row_of_all = f"(SELECT {', '.join(members)}) AS sync_record"
    return f"(SELECT row_to_json(sync_record.*)::text FROM {row_of_all})"


def audience_sql(shape: Shape, row: str, connection: BaseDatabaseWrapper, schema: str = "") -> str:
    """Return the expression of the audience of `row`, an alias.

    Raises `NotInSQL` for an audience that is a callable, and for a template that formats.
    """
    audience = shape.registration.audience
    if callable(audience):
        raise NotInSQL(_label(shape), "an audience that is a callable")
    fields = {field.attname: field for field in shape.fields}
    parts = []
    for literal, name, spec, conversion in string.Formatter().parse(audience):
        if literal:
            parts.append(quoted(literal))
        if spec or conversion:
            raise NotInSQL(_label(shape), f"the format specification in audience {audience!r}")
        if name is not None:
            text = _text(shape, fields[name], connection)
            if not text.label:
                raise NotInSQL(_label(shape, fields[name]), "a column of this type in an audience")
            column = _column(fields[name], row, connection)
            parts.append(f"coalesce({_filled(text.label, column, schema)}, 'None')")
    return f"({' || '.join(parts)})"


def obstacles(shape: Shape, connection: BaseDatabaseWrapper) -> list[str]:
    """Return why PostgreSQL cannot write this table's entries by itself; empty where it can."""
    found: list[str] = []
    for make in (record_id_sql, data_sql, audience_sql):
        try:
            make(shape, "r", connection)
        except NotInSQL as reason:
            found.append(str(reason))
    return found


def quoted(text: str) -> str:
    """Return a text as an SQL literal, whatever `standard_conforming_strings` says."""
    doubled = text.replace("'", "''")
    return f" E'{doubled}'".replace("\\", "\\\\") if "\\" in text else f"'{doubled}'"


def _member(
    shape: Shape, field: Field, row: str, connection: BaseDatabaseWrapper, schema: str
) -> str:
    name = field.attname
    if len(name.encode()) > MAX_NAME_LENGTH:
        raise NotInSQL(_label(shape, field), f"a name of more than {MAX_NAME_LENGTH} bytes")
    text, column = _text(shape, field, connection), _column(field, row, connection)
    return f"{_filled(text.value, column, schema)} AS {connection.ops.quote_name(name)}"


def _column(field: Field, row: str, connection: BaseDatabaseWrapper) -> str:
    column = connection.ops.quote_name(field.column)
    return f"{row}.{column}" if row else str(column)


def _filled(template: str, column: str, schema: str) -> str:
    given = {"$": column, "@": f"{schema}." if schema else ""}
    return re.sub(r"[$@]", lambda found: given[found[0]], template)


def _label(shape: Shape, field: Field = None) -> str:
    label = str(shape.registration.model._meta.label)
    return label if field is None else f"{label}.{field.name}"


def _text(shape: Shape, field: Field, connection: BaseDatabaseWrapper) -> _Text:
    """Return how a field is written, or raise `NotInSQL` naming it and the reason."""
    label, stored = _label(shape, field), _stored(field)
    way = getattr(shape.registration, "redact", {}).get(field.attname)
    if way == "blank":
        return _Text("NULL")
    if way is not None:
        # The key of a digest must not leave the program for the database that it protects from.
        raise NotInSQL(label, f"redact={way!r}")
    kind = str(field.db_type(connection) or "")
    name = re.sub(r"\s*\(.*\)", "", kind)
    if name == "jsonb":
        return _json(label, stored)
    if stored.get_db_converters(connection) or field.get_db_converters(connection):
        raise NotInSQL(label, "a field whose class converts what the database holds")
    if getattr(field, "generated", False) and not field.db_persist:
        raise NotInSQL(label, "a generated column that is not stored")
    if name == "numeric":
        return _decimal(label, field, kind)
    if name == "timestamp with time zone":
        return _moment(connection)
    if name not in _TEXTS:
        raise NotInSQL(label, f"a column of type {kind or 'none'}")
    return _TEXTS[name]


def _stored(field: Field) -> Field:
    """Return the field whose class says what comes out of the column."""
    while True:
        if isinstance(field, models.ForeignKey):
            field = field.target_field
        elif isinstance(field, models.GeneratedField):
            field = field.output_field
        else:
            return field


def _json(label: str, stored: Field) -> _Text:
    converts = getattr(type(stored), "from_db_value", None)
    if converts is not models.JSONField.from_db_value or stored.decoder is not None:
        raise NotInSQL(label, "JSON that is not read by Django's own JSONField and decoder")
    return _Text(f"@{JSON}($)::json")


def _decimal(label: str, field: Field, kind: str) -> _Text:
    places = getattr(field, "decimal_places", None)
    if places is not None:
        text = f"round($, {places})::text"
        return _Text(text, text, "$::text" if places <= PLAIN_PLACES else "")
    scale = re.search(r",\s*(\d+)\)", kind)
    if scale is None or int(scale[1]) > PLAIN_PLACES:
        raise NotInSQL(label, f"a decimal without declared places, {kind}")
    return _Text("$::text", "$::text", "$::text")


def _moment(connection: BaseDatabaseWrapper) -> _Text:
    """Return how Django reads a moment: in UTC, or where `USE_TZ` is off as the connection's
    clock shows it."""
    naive = connection.timezone is None
    zone, mark = (connection.timezone_name, "") if naive else ("UTC", '"Z"')
    local = f"$ AT TIME ZONE {quoted(zone)}"
    shown = f"to_char({local}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US{mark}')"
    text = f"coalesce({shown}, $::text)"  # of infinity nothing is shown
    return _Text(text, text)


_CHARACTERS: Final = _Text("$", "$::text", "$::text")
_SAFE: Final = f"$ BETWEEN -{codec.MAX_SAFE_INTEGER} AND {codec.MAX_SAFE_INTEGER}"
_INTEGER: Final = _Text(
    f"CASE WHEN {_SAFE} THEN to_json($) ELSE to_json($::text) END", "$::text", "$::text"
)
_BASE64: Final = "translate(encode($, 'base64'), E'\\n', '')"
# A cast would add the length of the network, which reading the column does not.
_ADDRESS: Final = "trim(BOTH '\"' FROM to_json($)::text)"

_TEXTS: Final = {
    "varchar": _CHARACTERS,
    "text": _CHARACTERS,
    "citext": _CHARACTERS,
    # The column of an older table may be wider than its field is.
    "smallint": _INTEGER,
    "integer": _INTEGER,
    "bigint": _INTEGER,
    "boolean": _Text("$", "$::text", "CASE WHEN $ THEN 'True' WHEN NOT $ THEN 'False' END"),
    "double precision": _Text(f"@{FLOAT}($)::json", f"trim(BOTH '\"' FROM @{FLOAT}($))"),
    "date": _Text("$", "to_char($, 'YYYY-MM-DD')", "to_char($, 'YYYY-MM-DD')"),
    "time": _Text("to_char($, 'HH24:MI:SS.US')", "to_char($, 'HH24:MI:SS.US')"),
    "interval": _Text(f"@{INTERVAL}($)", f"@{INTERVAL}($)"),
    "uuid": _Text("$", "$::text", "$::text"),
    "bytea": _Text(_BASE64, _BASE64),
    "inet": _Text("$", _ADDRESS, _ADDRESS),
}
