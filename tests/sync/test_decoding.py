"""What the log holds of a field can be made the field's value again, exactly or not at all."""

from __future__ import annotations

import datetime
import decimal
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import models
from hypothesis import given

from sync import codec
from sync.decoding import decode_value, has_doubtful_numbers
from sync.errors import DecodingError
from sync.models import SyncLog
from tests.sync.drawing import everything
from tests.sync.values import HARD_VALUES
from tests.testapp.models import Everything, Memo, Profile

PRICE = models.DecimalField(max_digits=30, decimal_places=2)


def field_of(name, model=Everything):
    return model._meta.get_field(name)


def encoded(values, model=Everything):
    """Return values as a database with exact columns would hold them, encoded."""
    fields = {name: field_of(name, model) for name in values}
    return {name: codec.encode_value(f.to_python(values[name]), f) for name, f in fields.items()}


@given(everything)
def test_every_value_of_every_field_comes_back_as_the_same_text(values):
    for name, value in encoded(values).items():
        decoded = decode_value(value, field_of(name))
        assert codec.to_json(codec.encode_value(decoded, field_of(name))) == codec.to_json(value)


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{}, HARD_VALUES], ids=["defaults", "hard values"])
def test_what_is_saved_again_is_recorded_as_it_was(values):
    Everything.objects.create(**values)
    first = SyncLog.objects.get()
    decoded = {
        name: decode_value(value, next(f for f in Everything._meta.fields if f.attname == name))
        for name, value in first.values.items()
    }
    Everything.objects.all().delete()
    Everything(**decoded).save(force_insert=True)
    assert SyncLog.objects.order_by("id").last().data == first.data


@pytest.mark.django_db
def test_the_fields_of_all_models_hold_again_what_they_hold():
    for model in apps.get_app_config("testapp").get_models():
        for field in model._meta.local_concrete_fields:
            default = field.get_default() if field.has_default() else None
            value = codec.encode_value(field.to_python(default), field)
            assert codec.encode_value(decode_value(value, field), field) == value


def test_a_relation_holds_the_key_of_what_it_points_at():
    assert decode_value(7, field_of("team", Memo)) == 7
    assert decode_value(None, field_of("person", Profile)) is None


def test_values_have_the_types_that_the_field_gives():
    moment = decode_value("2026-01-31T12:00:00.000000Z", field_of("moment"))
    assert moment == datetime.datetime(2026, 1, 31, 13, tzinfo=ZoneInfo("Europe/Paris"))
    assert decode_value("1.50", PRICE) == decimal.Decimal("1.5")
    assert decode_value("AP8=", field_of("blob")) == b"\x00\xff"
    assert decode_value(str(2**60), field_of("big")) == 2**60
    assert decode_value(str(uuid.UUID(int=5)), field_of("mark")) == uuid.UUID(int=5)
    assert decode_value('{"a": 1}', field_of("options")) == '{"a": 1}'


def test_a_column_with_more_decimal_places_than_then_holds_the_same_number():
    assert decode_value("1.5", PRICE) == decimal.Decimal("1.5")


def test_dates_in_a_list_are_dates_again():
    arrays = pytest.importorskip("django.contrib.postgres.fields")
    days = arrays.ArrayField(models.DateField())
    assert decode_value(["2026-01-31"], days) == [datetime.date(2026, 1, 31)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", "many"),
        ("day", "2026-02-30"),
        ("moment", "2026-01-31T12:00:00.000000"),
        ("clock", 7),
        ("span", "long"),
        ("mark", "1-2"),
        ("blob", "no base64!"),
        ("decimal", "1.005"),
        ("char", 7),
        ("char", ["a"]),
        ("flag", "maybe"),
    ],
)
def test_what_a_field_cannot_hold_exactly_is_refused(name, value):
    with pytest.raises(DecodingError, match=name):
        decode_value(value, field_of(name))


@pytest.mark.parametrize(
    ("document", "is_doubtful"),
    [
        ({"a": [1, str(2**53)]}, True),
        (str(-(2**60)), True),
        (str(2**53 - 1), False),
        (["09007199254740993", "1.5", "", None, True, 7], False),
    ],
)
def test_texts_that_may_have_been_numbers_are_noticed(document, is_doubtful):
    assert has_doubtful_numbers(document) is is_doubtful
