"""What PostgreSQL writes of a record is byte for byte what the encoding writes of it."""

from __future__ import annotations

import datetime
import json
import math
import uuid

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st

import sync
from sync import codec
from sync.errors import NotInSQL
from sync.record_sql import audience_sql, data_sql, obstacles, record_id_sql
from sync.registry import Registration, registry
from sync.shape import Shape, shape_of
from sync.sql_functions import (
    ensure_functions,
)
from tests.sync.test_sql_functions import documents, encoded, floats, texts
from tests.sync.values import HARD_VALUES
from tests.testapp.models import Draft, Everything, Line, Memo, Seat, Stock, Team, Ticket

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
]


zones = st.integers(-15 * 60, 15 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)


records = st.fixed_dictionaries(
    {
        "char": texts,
        "text": texts,
        "slug": texts,
        "integer": st.integers(-(2**31), 2**31 - 1),
        "big": st.integers(-(2**63), 2**63 - 1) | st.integers(2**53 - 3, 2**53 + 3),
        "decimal": st.decimals(-(10**10) + 1, 10**10 - 1, places=2),
        "real": floats,
        "flag": st.booleans(),
        "day": st.none() | st.dates(),
        "moment": st.none()
        | st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 12, 31), timezones=zones)
        | st.datetimes(timezones=st.just(datetime.UTC)),
        "clock": st.none() | st.times(),
        "span": st.none() | st.timedeltas() | st.integers(-(10**8), 10**8).map(
            lambda microseconds: datetime.timedelta(microseconds=microseconds)
        ),
        "mark": st.none() | st.uuids(),
        "options": documents.filter(lambda document: document is not None),
        "blob": st.binary(max_size=200),
        "attachment": texts,
        "address": st.none() | st.ip_addresses().map(str),
        "maybe": st.none() | st.integers(-(2**31), 2**31 - 1),
    }
)  # fmt: skip


@pytest.fixture(autouse=True)
def functions(db):
    ensure_functions(connection)


def by_postgresql(model) -> list[tuple[str, str]]:
    shape = shape_of(registry.get(model), model)
    columns = f"{record_id_sql(shape, 'r', connection)}, {data_sql(shape, 'r', connection)}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {connection.ops.quote_name(shape.table)} r")
        return sorted(cursor.fetchall())


def by_python(model) -> list[tuple[str, str]]:
    shape = shape_of(registry.get(model), model)
    rows = model._base_manager.order_by().values_list(*shape.names)
    return sorted((shape.record_id(row), shape.data(row)) for row in rows)


@settings(max_examples=200)
@given(st.lists(records, min_size=5, max_size=20))
def test_any_record_is_the_same_text(drawn):
    with transaction.atomic():
        Everything.objects.bulk_create(Everything(**values) for values in drawn)
        assert by_postgresql(Everything) == by_python(Everything)
        transaction.set_rollback(True)


def test_a_record_of_hard_values_is_the_same_text():
    Everything.objects.create(**HARD_VALUES)
    Everything.objects.create()
    assert by_postgresql(Everything) == by_python(Everything)


@pytest.mark.parametrize(
    "span", ["1 year 2 mons -3 days", "-1 mons 40 days 00:00:00.000001", "-00:00:01.5", "100 hours"]
)
def test_a_span_that_another_program_wrote_in_months_is_the_same_text(span):
    Everything.objects.create()
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_everything SET span = %s", [span])
    assert by_postgresql(Everything) == by_python(Everything)


@pytest.mark.parametrize("address", ["10.0.0.0/8", "10.0.0.1/32", "::1", "2001:db8::/32"])
def test_a_network_that_another_program_wrote_is_the_same_text(address):
    Everything.objects.create()
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_everything SET address = %s", [address])
    assert by_postgresql(Everything) == by_python(Everything)


def test_a_decimal_that_is_no_number_is_the_same_text():
    Everything.objects.create()
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_everything SET decimal = 'NaN'")
    assert by_postgresql(Everything) == by_python(Everything)


def test_keys_of_every_kind_name_the_record_the_same(red):
    Ticket.objects.create(id=uuid.UUID(int=7), subject="a")
    Seat.objects.create(room='b"l\\ue', number=-1)
    Seat.objects.create(room="é", number=2**31 - 1)
    Team.objects.create(pk=2**63 - 1, name="blue")
    Draft.objects.create(title="x", scratch="y")
    Line.objects.create(price=2)
    Stock.objects.create(sku="a", warehouse="b")
    for model in (Ticket, Seat, Team, Draft, Line, Stock):
        assert by_postgresql(model) == by_python(model) != []


def test_every_registered_model_of_the_tests_can_be_written_by_postgresql():
    shapes = [shape_of(registration, registration.model) for registration in registry]
    assert [reason for shape in shapes for reason in obstacles(shape, connection)] == []


def a_model(**fields) -> type[models.Model]:
    with isolate_apps("tests.testapp"):
        meta = type("Meta", (), {"app_label": "testapp"})
        return type("Odd", (models.Model,), {"Meta": meta, "__module__": "odd"} | fields)


@given(st.lists(texts.filter(bool), min_size=1, max_size=5))
def test_a_text_key_is_named_as_it_is(names):
    model = a_model(name=models.TextField(primary_key=True))
    expression = record_id_sql(shaped(model), "r", connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM unnest(%s::text[]) AS r(name)", [names])
        assert [name for (name,) in cursor.fetchall()] == names


def shaped(model, audience="everyone") -> Shape:
    fields = frozenset(field.attname for field in model._meta.local_concrete_fields)
    return Shape(Registration(model, fields, audience, {}), model)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_moments_without_zones_are_read_by_the_clock_of_the_connection(settings, zone):
    settings.USE_TZ, settings.TIME_ZONE = False, zone
    naive = connection.copy()
    shape = shaped(a_model(moment=models.DateTimeField()))
    try:
        with naive.cursor() as cursor:
            cursor.execute(
                f"SELECT {data_sql(shape, 'r', naive)}, r.moment"
                " FROM (SELECT 1 AS id, timestamptz '2026-07-01 22:00:00.5+00' AS moment) AS r"
            )
            written, read = cursor.fetchone()
    finally:
        naive.close()
    assert read.tzinfo is None
    assert written == codec.to_json({"id": 1, "moment": codec.encode_value(read)})


@pytest.mark.parametrize(
    "audience",
    ["everyone", "team:{team_id}", "{id}/{{text}}/{text}", "it's \\ {text}"],
)
def test_an_audience_is_filled_as_python_fills_it(red, audience):
    memo = Memo.objects.create(team=red, text="a\\n'{b}")
    expression = audience_sql(shaped(Memo, audience), "r", connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM testapp_memo r")
        assert cursor.fetchone()[0] == audience.format(id=memo.pk, team_id=red.pk, text=memo.text)


@pytest.mark.parametrize(
    "audience",
    ["{mark}", "{day}", "{flag}", "{big}", "{maybe}", "{address}", "{decimal}", "{char}"],
)
@pytest.mark.parametrize("values", [HARD_VALUES, {}])
def test_an_audience_may_be_made_of_these_types(audience, values):
    row = Everything.objects.create(**values)
    row.refresh_from_db()
    expression = audience_sql(shaped(Everything, audience), "r", connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM testapp_everything r")
        assert cursor.fetchone()[0] == audience.format_map(vars(row))


@pytest.mark.parametrize(
    ("audience", "reason"),
    [
        (str, "an audience that is a callable"),
        ("{id:>5}", "format specification"),
        ("{id!r}", "format specification"),
        ("{real}", "Everything.real.*in an audience"),
        ("{moment}", "Everything.moment.*in an audience"),
    ],
)
def test_an_audience_that_only_python_can_fill_is_refused(audience, reason):
    with pytest.raises(NotInSQL, match=reason):
        audience_sql(shaped(Everything, audience), "r", connection)


class Shouted(models.TextField):
    def from_db_value(self, value, expression, connection):
        return value.upper()


class Converted(models.TextField):
    def get_db_converters(self, connection):
        return [lambda value, expression, connection: value.upper()]


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (Shouted(), "converts what the database holds"),
        (Converted(), "converts what the database holds"),
        (ArrayField(models.IntegerField()), r"a column of type integer\[\]|converts"),
        (models.JSONField(decoder=json.JSONDecoder), "decoder"),
        (models.GeneratedField(
            expression=models.F("id"), output_field=Shouted(), db_persist=True
        ), "converts what the database holds"),
        (
            models.GeneratedField(
                expression=models.F("id"), output_field=models.BigIntegerField(), db_persist=False
            ),
            "not stored",
        ),
    ],
    ids=["from_db_value", "converters", "array", "decoder", "generated", "virtual"],
)  # fmt: skip
def test_a_field_that_only_python_can_read_is_named_with_the_reason(field, reason):
    shape = shaped(a_model(field=field))
    with pytest.raises(NotInSQL, match=f"testapp.Odd.field.*({reason})"):
        data_sql(shape, "r", connection)
    [found] = obstacles(shape, connection)
    assert "testapp.Odd.field" in found


class Redacting(Registration):
    """A registration that keeps the values of some fields out of the log."""


def redacting(**ways: str) -> Shape:
    registration = Redacting(Draft, frozenset({"id", "title", "scratch"}), "everyone", {})
    object.__setattr__(registration, "redact", ways)
    return Shape(registration, Draft)


def test_a_blanked_value_does_not_leave_the_table():
    draft = Draft.objects.create(title="a", scratch="secret")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {data_sql(redacting(scratch='blank'), 'r', connection)} FROM testapp_draft r"
        )
        assert cursor.fetchone()[0] == codec.to_json(
            {"id": draft.pk, "scratch": None, "title": "a"}
        )


def test_a_keyed_digest_is_refused_for_the_key_is_not_the_databases_to_know():
    with pytest.raises(NotInSQL, match="Draft.scratch.*redact='hash'"):
        data_sql(redacting(scratch="hash"), "r", connection)


def test_more_columns_than_a_function_of_postgresql_takes_are_no_obstacle():
    fields = {f"f{number}": models.IntegerField() for number in range(250)}
    expression = data_sql(shaped(a_model(**fields)), "r", connection)
    values = {"id": 1} | {name: number for number, name in enumerate(fields)}
    row = ", ".join(f"{value} AS {name}" for name, value in values.items())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM (SELECT {row}) AS r")
        assert cursor.fetchone()[0] == codec.to_json(values)


@pytest.mark.parametrize("name", ["hub", "sync_record", "data", "r", "row", "user", "e2"])
def test_a_column_may_be_called_anything(name):
    shape = shaped(a_model(**{name: models.IntegerField()}))
    expression = data_sql(shape, "r", connection)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {expression} FROM (SELECT 1 AS id, 2 AS "{name}") AS r')
        assert cursor.fetchone()[0] == codec.to_json({"id": 1, name: 2})


def test_an_infinite_float_is_a_text():
    assert encoded(math.inf) == '"Infinity"'
    Everything.objects.create(real=math.inf)
    assert '"real":"Infinity"' in by_postgresql(Everything)[0][1]
