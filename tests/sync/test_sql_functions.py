"""The functions of the database write floats and documents as the encoding does."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import codec
from sync.sql_functions import (
    FLOAT,
    JSON,
    NUMBER,
    OVERFLOW,
    UNDERFLOW,
    ensure_functions,
    functions_are_current,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


floats = st.floats() | st.integers(0, 2**80).map(float) | st.decimals(0, 10**24).map(float)


documents = st.recursive(
    st.none() | st.booleans() | texts | st.integers() | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(autouse=True)
def functions(db):
    ensure_functions(connection)


@settings(max_examples=200)
@given(st.lists(floats, min_size=10, max_size=100))
def test_any_float_is_the_same_text(numbers):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {FLOAT}(x) FROM unnest(%s::float8[]) WITH ORDINALITY t(x, o) ORDER BY o",
            [numbers],
        )
        assert [text for (text,) in cursor.fetchall()] == [encoded(n) for n in numbers]


@pytest.mark.parametrize("exponent", range(1, 24))
def test_a_float_whose_shortest_text_lies_between_two_floats_is_the_same_text(exponent):
    """PostgreSQL itself writes 1e23 as 9.999999999999999e+22."""
    halves = [(2 * m + 1) // 5**exponent * 5**exponent for m in range(2**52, 2**52 + 900, 9)]
    numbers = [float(half * 2**shift) for half in halves for shift in (0, 7, 20)]
    with connection.cursor() as cursor:
        for number in [*numbers, float(f"1e{exponent}")]:
            cursor.execute(f"SELECT {FLOAT}(%s::float8)", [number])
            assert cursor.fetchone()[0] == encoded(number)


def test_a_session_that_shortens_floats_changes_nothing():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL extra_float_digits = -10")
        cursor.execute(f"SELECT {FLOAT}(0.1::float8 + 0.2::float8)")
        assert cursor.fetchone()[0] == encoded(0.1 + 0.2)


@settings(max_examples=200)
@given(documents)
def test_any_document_is_the_same_text(document):
    assert_same_document(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-0", "0.0", "-0.0", "1.50", "1e2", "1.5e300", "1e400", "-1e400", "1e-400"),
        *("9007199254740991", "9007199254740992", "-9007199254740992", "123456789012345678901"),
        *(f"{10**400}.5", f"-{10**400}.5", f"{OVERFLOW}.0", f"{int(OVERFLOW) - 1}.9"),
        *(UNDERFLOW, f"{UNDERFLOW}1", "2.2250738585072011e-308", "0.1e-1000"),
        '{"b": 1, "a": {"é": [], "z": {}, "": null}, "aa": true, "a": 2, "\\ud83d\\ude00": 3}',
        '["\\u0001\\"\\/\\\\\\u2028\\n\\b", "null", null, [], {}]',
    ],
)
def test_a_hard_document_is_the_same_text(text):
    assert_same_document(text)


def test_a_document_may_be_nested_three_hundred_deep():
    assert_same_document("[" * 300 + "]" * 300)


def assert_same_document(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {JSON}(d), d::text FROM (SELECT %s::jsonb) AS t(d)", [text])
        written, stored = cursor.fetchone()
    assert written == encoded(json.loads(stored))


def encoded(value) -> str:
    return codec.to_json(codec.encode_value(value))


def test_functions_that_are_as_they_must_be_are_left_alone(django_assert_num_queries):
    assert functions_are_current(connection)
    with django_assert_num_queries(2):
        ensure_functions(connection)


def test_a_function_that_differs_is_replaced():
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {NUMBER}(shown text) RETURNS text LANGUAGE sql"
            " AS $$ SELECT '7' $$"
        )
    assert not functions_are_current(connection)
    ensure_functions(connection)
    assert functions_are_current(connection)
    assert_same_document("8")
