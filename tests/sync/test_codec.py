"""Equal values are equal text, other values are other text, and a diff never lies."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pytest
from django.core.files.storage import default_storage
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from sync import codec
from tests.testapp.models import Everything, Node, Seat, Ticket

PRICE = models.DecimalField(max_digits=30, decimal_places=2)

texts = st.text(st.characters(exclude_categories=["Cs"]))
zones = st.integers(-23 * 60, 23 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
moments = st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=zones)
plain = st.recursive(
    st.none() | st.booleans() | texts | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-codec.MAX_SAFE_INTEGER, codec.MAX_SAFE_INTEGER),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)  # fmt: skip
prices = st.decimals(-(10**20), 10**20, places=2)
values = st.one_of(
    plain, moments, prices, st.uuids(), st.binary(), st.times(), st.dates(), st.timedeltas()
)
records = st.dictionaries(st.sampled_from("abcdef"), values)


def text_of(value, field=None):
    return codec.to_json(codec.encode_value(value, field))


@given(prices, st.integers(0, 10))
def test_equal_decimals_are_equal_text_whatever_their_trailing_zeros(price, zeros):
    with decimal.localcontext(prec=60):
        same = price * decimal.Decimal(10) ** zeros / decimal.Decimal(10) ** zeros
        padded = price.quantize(decimal.Decimal(1).scaleb(-2 - zeros))
    assert text_of(same, PRICE) == text_of(padded, PRICE) == text_of(price, PRICE)


@given(prices, prices)
def test_decimals_are_equal_text_only_if_they_are_equal(one, other):
    assert (text_of(one, PRICE) == text_of(other, PRICE)) == (one == other)
    assert decimal.Decimal(codec.encode_value(one, PRICE)) == one


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.5", '"1.50"'),
        ("-0", '"0.00"'),
        ("-0.001", '"0.00"'),
        ("1E+3", '"1000.00"'),
        ("0E-10", '"0.00"'),
        ("1" * 28, '"' + "1" * 28 + '.00"'),
        ("NaN", '"NaN"'),
        ("Infinity", '"Infinity"'),
    ],
)
def test_a_decimal_has_exactly_the_places_of_its_field(value, text):
    assert text_of(decimal.Decimal(value), PRICE) == text


def test_a_decimal_without_a_field_keeps_its_places():
    assert text_of(decimal.Decimal("1.500")) == '"1.500"'


@given(moments, zones)
def test_equal_moments_are_equal_text_in_every_zone(moment, zone):
    assert text_of(moment) == text_of(moment.astimezone(zone))


@given(moments, moments)
def test_the_text_of_moments_sorts_as_they_do(one, other):
    assert (text_of(one) < text_of(other)) == (one < other)


def test_a_moment_is_utc_with_microseconds():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert text_of(datetime.datetime(2026, 1, 31, 14, tzinfo=zone)) == (
        '"2026-01-31T12:00:00.000000Z"'
    )
    assert text_of(datetime.datetime(2026, 1, 31, 14)) == '"2026-01-31T14:00:00.000000"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        ("é\n", '"é\\n"'),
        (datetime.date(2026, 1, 31), '"2026-01-31"'),
        (datetime.time(12), '"12:00:00.000000"'),
        (datetime.timedelta(seconds=90), '"P0DT00H01M30S"'),
        (datetime.timedelta(seconds=-1), '"-P0DT00H00M01S"'),
        (uuid.UUID("ABCDEF00000000000000000000000001"), '"abcdef00-0000-0000-0000-000000000001"'),
        (b"\x00\xff", '"AP8="'),
        (memoryview(b"\x00\xff"), '"AP8="'),
        (bytearray(b"\x00\xff"), '"AP8="'),
        ((1, "a"), '[1,"a"]'),
        ({"b": {"d": 1, "c": 2}, "a": []}, '{"a":[],"b":{"c":2,"d":1}}'),
        ({1: "a"}, '{"1":"a"}'),
        (complex(1, 2), '"(1+2j)"'),
    ],
)
def test_a_value_has_one_text(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
        (-0.0, "0.0"),
        (0.1, "0.1"),
        (1e300, "1e300"),
    ],
)
def test_a_float_is_a_number_where_json_has_one(value, text):
    assert text_of(value) == text


@given(st.integers())
def test_an_integer_is_text_where_a_reader_could_round_it(number):
    [encoded] = codec.from_json(text_of([number]))
    assert int(encoded) == number
    assert isinstance(encoded, str) == (abs(number) > 2**53 - 1)
    if isinstance(encoded, int):
        assert int(float(encoded)) == number


@pytest.mark.parametrize("value", [2, 2.0])
def test_a_column_of_floats_is_written_with_a_point_also_where_the_database_gives_integers(value):
    computed = models.GeneratedField(
        expression=models.F("real"), output_field=models.FloatField(), db_persist=True
    )
    for field in (Everything._meta.get_field("real"), computed):
        assert text_of(value, field) == "2.0"
    assert text_of(2, Everything._meta.get_field("integer")) == "2"


class Colour(models.TextChoices):
    RED = "red"


class Size(models.IntegerChoices):
    BIG = 2


class Whole(int):
    """A number as a custom field may return it."""


class Share(float):
    """A fraction as a custom field may return it."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Colour.RED, '"red"'),
        (Size.BIG, "2"),
        (mark_safe("<b>"), '"<b>"'),
        (Whole(3), "3"),
        (Whole(2**60), '"1152921504606846976"'),
        (Share(0.5), "0.5"),
    ],
)
def test_a_subclass_is_encoded_as_the_type_it_is_made_of(value, text):
    assert text_of(value) == text
    assert text_of({"a": [value]}) == f'{{"a":[{text}]}}'


def test_a_file_is_its_stored_name():
    field = Everything._meta.get_field("attachment")
    file = FieldFile(Everything(), field, "attachments/a b.txt")
    assert file.storage is default_storage
    assert text_of(file, field) == '"attachments/a b.txt"'
    assert text_of(FieldFile(Everything(), field, None), field) == '""'


@given(plain)
def test_plain_json_comes_back_as_it_was(value):
    assert codec.from_json(text_of(value)) == value


@given(st.dictionaries(texts, values), st.randoms())
def test_the_order_of_keys_does_not_show(record, random):
    shuffled = list(record.items())
    random.shuffle(shuffled)
    assert text_of(dict(shuffled)) == text_of(record)


@given(records, records)
def test_the_changed_fields_are_those_whose_text_differs(before, after):
    differing = [
        name
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or text_of(before[name]) != text_of(after[name])
    ]
    assert codec.changed_fields(text_of(before), text_of(after)) == differing


@pytest.mark.parametrize(
    ("model", "keys", "name"),
    [
        (Node, [42], "42"),
        (Node, [2**60], "1152921504606846976"),
        (Ticket, [uuid.UUID(int=10)], "00000000-0000-0000-0000-00000000000a"),
        (Seat, ["blue", 7], '["blue",7]'),
        (Seat, ['a"b', 7], '["a\\"b",7]'),
    ],
)
def test_the_id_of_a_record_is_text(model, keys, name):
    assert codec.record_id(keys, model._meta.pk_fields) == name


@given(st.lists(st.tuples(texts, st.integers()), min_size=2, max_size=2, unique=True))
def test_other_composite_keys_are_other_ids(keys):
    fields = Seat._meta.pk_fields
    assert codec.record_id(keys[0], fields) != codec.record_id(keys[1], fields)


def test_a_lone_surrogate_does_not_make_a_save_fail():
    value = {"a\ud800": ["\udfff"]}
    assert codec.to_json(codec.encode_value(value)) == '{"a?":["?"]}'


def test_blanking_leaves_every_other_text_as_it_is():
    text = '{"a":1.0,"b":{"x":[1,"é"]},"c":"secret"}'
    blanked, held = codec.blanked(text, frozenset({"c", "d"}))
    assert blanked == '{"a":1.0,"b":{"x":[1,"é"]},"c":null}'
    assert held == {"c"}
