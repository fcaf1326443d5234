"""The functions of PostgreSQL that the canonical text needs and PostgreSQL does not have.

They carry the version of the encoding in their name, so that one version can be installed beside
another, and use nothing but built-in functions. Installing them takes the right to create in the
schema of the log, and no other.
"""

from __future__ import annotations

import decimal
import hashlib
from typing import Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from sync import codec

FLOAT: Final = f"sync_hub_float_{codec.VERSION}"
NUMBER: Final = f"sync_hub_number_{codec.VERSION}"
JSON: Final = f"sync_hub_json_{codec.VERSION}"
INTERVAL: Final = f"sync_hub_interval_{codec.VERSION}"

LOCK: Final = int.from_bytes(hashlib.sha256(b"sync_hub functions").digest()[:8], signed=True)
"""The advisory lock under which functions and triggers are made: two processes that replace one
function at the same time would fail."""


def _plain(value: decimal.Decimal) -> str:
    return format(value, "f")


with decimal.localcontext(prec=1100):
    # Half an ulp beyond the largest float, and half of the smallest: where Python's reading of a
    # number becomes infinite and zero, and PostgreSQL's a failure.
    OVERFLOW: Final = _plain(decimal.Decimal(2**1024 - 2**970))
    UNDERFLOW: Final = _plain(decimal.Decimal(2) ** -1075)

_FLOAT_BODY: Final = """
DECLARE
  size float8 := abs(number);
  shown text := number::text;
  mantissa text := split_part(shown, 'e', 1);
  exponent int;
  digits text;
  step numeric;
  candidate numeric;
BEGIN
  IF shown IN ('NaN', 'Infinity', '-Infinity') THEN
    RETURN '"' || shown || '"';
  END IF;
  IF size = 0 THEN
    RETURN '0.0';
  END IF;
  -- A shorter text may lie exactly between two floats, and be read as this one: PostgreSQL
  -- shuns it. It can only where floats are sparser than integers and 17 digits still reach.
  IF size BETWEEN 9e15 AND 1e41 THEN
    exponent := CASE WHEN shown LIKE '%e%' THEN split_part(shown, 'e', 2)::int
                     ELSE length(ltrim(mantissa, '-')) - 1 END;
    digits := rtrim(translate(mantissa, '-.', ''), '0');
    step := ('1e' || (exponent - length(digits) + 2))::numeric;
    candidate := trunc(shown::numeric / step) * step;
    IF length(digits) > 1 THEN
      FOR candidate IN
        SELECT c FROM unnest(ARRAY[candidate, candidate + sign(number::numeric) * step]) AS c
        ORDER BY abs(c - shown::numeric)
      LOOP
        IF candidate::text::float8 = number THEN
          digits := rtrim(translate(candidate::text, '-.', ''), '0');
          exponent := length(split_part(abs(candidate)::text, '.', 1)) - 1;
          mantissa := CASE WHEN number < 0 THEN '-' ELSE '' END || left(digits, 1)
            || CASE WHEN length(digits) > 1 THEN '.' || substr(digits, 2) ELSE '' END;
          shown := mantissa || 'e' || exponent;
          EXIT;
        END IF;
      END LOOP;
    END IF;
  END IF;
  IF size >= 1e-5 AND size < 1e16 THEN
    IF shown LIKE '%e%' THEN
      shown := shown::numeric::text;
    END IF;
    RETURN CASE WHEN shown LIKE '%.%' THEN shown ELSE shown || '.0' END;
  END IF;
  RETURN mantissa || 'e' || split_part(shown, 'e', 2)::int;
END
"""

_NUMBER_BODY: Final = f"""
BEGIN
  IF position('.' IN shown) > 0 THEN
    RETURN CASE
      WHEN abs(shown::numeric) >= {OVERFLOW}
        THEN CASE WHEN shown LIKE '-%' THEN '"-Infinity"' ELSE '"Infinity"' END
      WHEN abs(shown::numeric) <= {UNDERFLOW} THEN '0.0'
      ELSE {{schema}}.{FLOAT}(shown::float8)
    END;
  END IF;
  IF length(shown) < 16 OR abs(shown::numeric) <= {codec.MAX_SAFE_INTEGER} THEN
    RETURN shown;
  END IF;
  RETURN '"' || shown || '"';
END
"""


def _item(value: str) -> str:
    """Return the text of a value inside a document, which for most costs no call of a function."""
    text = f"{value}::text"
    is_small = f"length({text}) < 16 AND position('.' IN {text}) = 0"
    return (
        f"CASE jsonb_typeof({value}) WHEN 'string' THEN {text} WHEN 'number' THEN"
        f" CASE WHEN {is_small} THEN {text} ELSE {{schema}}.{NUMBER}({text}) END"
        f" ELSE {{schema}}.{JSON}({value}) END"
    )


_JSON_BODY: Final = f"""
BEGIN
  CASE jsonb_typeof(document)
  WHEN 'object' THEN
    RETURN '{{{{' || array_to_string(ARRAY(
      SELECT to_json(member.key)::text || ':' || {_item("member.value")}
      FROM jsonb_each(document) AS member ORDER BY member.key COLLATE "C"), ',') || '}}}}';
  WHEN 'array' THEN
    RETURN '[' || array_to_string(ARRAY(
      SELECT {_item("item.value")}
      FROM jsonb_array_elements(document) WITH ORDINALITY AS item ORDER BY item.ordinality
    ), ',') || ']';
  WHEN 'number' THEN
    RETURN {{schema}}.{NUMBER}(document::text);
  ELSE
    RETURN document::text;
  END CASE;
END
"""

# As the driver counts: a year has 365 days and a month 30.
_INTERVAL_BODY: Final = """
DECLARE
  days numeric := extract(year FROM span) * 365 + extract(month FROM span) * 30
    + extract(day FROM span);
  total numeric := ((days * 24 + extract(hour FROM span)) * 60 + extract(minute FROM span))
    * 60000000 + extract(microseconds FROM span);
  rest numeric := abs(total);
  micros int := mod(rest, 1000000);
  seconds int := mod(div(rest, 1000000), 60);
  minutes int := mod(div(rest, 60000000), 60);
  hours int := mod(div(rest, 3600000000), 24);
BEGIN
  RETURN CASE WHEN total < 0 THEN '-' ELSE '' END || 'P' || div(rest, 86400000000)
    || 'DT' || lpad(hours::text, 2, '0') || 'H' || lpad(minutes::text, 2, '0') || 'M'
    || lpad(seconds::text, 2, '0')
    || CASE WHEN micros > 0 THEN '.' || lpad(micros::text, 6, '0') ELSE '' END || 'S';
END
"""

# What a session says of the length of floats must not change what is recorded.
_FUNCTIONS: Final = {
    FLOAT: ("number float8", "SET extra_float_digits = 1", _FLOAT_BODY),
    NUMBER: ("shown text", "", _NUMBER_BODY),
    JSON: ("document jsonb", "", _JSON_BODY),
    INTERVAL: ("span interval", "", _INTERVAL_BODY),
}


def ensure_functions(connection: BaseDatabaseWrapper) -> None:
    """Create what is missing of the functions, and replace what differs, in one transaction.

    Does nothing, and so needs no rights, where all are as they must be.
    """
    if functions_are_current(connection):
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        for statement in function_statements(connection):
            cursor.execute(statement)


def needs_functions(sql: str) -> bool:
    """Tell whether SQL calls any of the functions."""
    return any(f"{name}(" in sql for name in _FUNCTIONS)


def functions_are_current(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the database has all the functions as this version of the app makes them."""
    return _are_present(connection, "true")


def can_call_functions(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the functions are current, and this role may execute all of them."""
    return _are_present(connection, "has_function_privilege(p.oid, 'EXECUTE')")


def _are_present(connection: BaseDatabaseWrapper, condition: str) -> bool:
    schema = log_schema(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname, p.prosrc FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace"
            f" WHERE quote_ident(n.nspname) = %s AND p.proname = ANY(%s) AND {condition}",
            [schema, list(_FUNCTIONS)],
        )
        present = dict(cursor.fetchall())
    return present == {name: _body(name, schema) for name in _FUNCTIONS}


def function_statements(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the SQL that makes the functions, in the schema of the log."""
    schema = log_schema(connection)
    return [
        f"CREATE OR REPLACE FUNCTION {schema}.{name}({arguments}) RETURNS text"
        f" LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE {options}"
        f" AS $sync_hub${_body(name, schema)}$sync_hub$"
        for name, (arguments, options, _) in _FUNCTIONS.items()
    ]


def log_schema(connection: BaseDatabaseWrapper) -> str:
    """Return the quoted name of the schema that the log's table is in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(coalesce("
            " (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            "  WHERE c.oid = to_regclass('sync_log')), current_schema))"
        )
        return str(cursor.fetchone()[0])


def _body(name: str, schema: str) -> str:
    body = _FUNCTIONS[name][2]
    return body.format(schema=schema) if "{schema}" in body else body
