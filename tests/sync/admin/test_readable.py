"""Values are shown as people read them, and as they are where that cannot be."""

from __future__ import annotations

import pytest
from django.db import models
from django.utils import timezone, translation

from hubproject.models import Task
from sync.admin.labels import Label
from sync.admin.readable import BLANK, JSON, MOMENT, NONE, PLAIN, RECORD, REDACTED, TEXT, readable
from sync.shown import Redacted
from tests.testapp.models import Cascaded, Everything, Line, Restaurant, Stock, Ticket


def field(name, model=Everything):
    return model._meta.get_field(name)


def read(name, value, model=Everything, named=()):
    return readable(field(name, model), value, dict(named))


def told(found):
    return found.kind, found.text, found.exact


@pytest.mark.parametrize("name", ["char", "maybe", "options", "flag", "moment"])
def test_null_is_nothing_whatever_the_field(name):
    assert read(name, None).kind == NONE


def test_an_empty_text_is_not_nothing():
    assert read("char", "").kind == BLANK
    assert told(read("blob", "")) == (PLAIN, "0\xa0bytes", "")


def test_what_was_removed_tells_why():
    assert told(read("char", Redacted("asked"))) == (REDACTED, "redacted: asked", "")


def test_a_choice_is_called_by_its_name():
    status = Task.Status.DONE
    assert told(read("status", status.value, Task)) == (PLAIN, status.label, status.value)
    assert told(read("status", "no choice", Task)) == (TEXT, "no choice", "")


def test_choices_that_are_numbers_and_groups_are_found():
    grouped = models.IntegerField(choices=[("few", [(1, "one"), (2, "two")]), (3, "three")])
    assert [readable(grouped, n, {}).text for n in (1, 3)] == ["one", "three"]


def test_the_truth_is_told_in_words():
    assert told(read("flag", True)) == (PLAIN, "yes", "true")
    assert told(read("flag", False)) == (PLAIN, "no", "false")


def test_a_moment_is_local_and_keeps_its_exact_value():
    exact = "2026-01-31T23:30:00.000001Z"
    with timezone.override("Asia/Tokyo"), translation.override("en"):
        assert told(read("moment", exact)) == (MOMENT, "Feb. 1, 2026, 8:30 a.m.", exact)
    with timezone.override("UTC"), translation.override("de"):
        assert read("moment", exact).text == "31. Januar 2026 23:30"


def test_days_times_and_durations_are_local():
    with translation.override("de"):
        assert told(read("day", "2026-01-31")) == (MOMENT, "31. Januar 2026", "2026-01-31")
        assert read("clock", "08:05:00.000000").text == "08:05"
    assert read("span", "P1DT00H01M30S").text == "1 00:01:30"


def test_numbers_are_local_and_keys_are_not(settings):
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        assert told(read("decimal", "12345.50")) == (PLAIN, "12.345,50", "12345.50")
        assert read("integer", 12345).text == "12.345"
        assert read("big", "9007199254740993").text == "9.007.199.254.740.993"
        assert read("id", 12345).text == "12345"
    assert read("real", "NaN").text == "NaN"


def test_a_generated_column_is_read_as_what_it_holds(settings):
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        assert read("total", 12345, Line).text == "12.345"


def test_a_document_is_laid_out():
    assert told(read("options", {"a": ["ü"]})) == (JSON, '{\n  "a": [\n    "ü"\n  ]\n}', "")
    assert read("options", "text").kind == JSON


def test_a_file_is_its_name_and_binary_data_its_size():
    assert told(read("attachment", "attachments/a.txt")) == (TEXT, "attachments/a.txt", "")
    assert told(read("blob", "AAECAw==")) == (PLAIN, "4\xa0bytes", "AAECAw==")


def test_a_foreign_key_is_the_record_that_it_refers_to():
    ada = Label("Ada", "/history/")
    found = read("owner", 7, Cascaded, {("testapp_owner", "7"): ada})
    assert (found.kind, found.label, found.exact) == (RECORD, ada, "7")
    assert told(read("owner", 7, Cascaded)) == (PLAIN, "7", "")
    parent = read("place_ptr", 7, Restaurant, {("testapp_place", "7"): ada})
    assert parent.label == ada


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("moment", "yesterday"),
        ("day", 7),
        ("span", "long"),
        ("decimal", "sha256:00"),
        ("blob", "not base64!"),
        ("integer", "many"),
        ("clock", "25:00"),
    ],
)
def test_what_the_field_cannot_read_is_shown_as_it_is(name, value):
    assert read(name, value).text == str(value)


def test_a_field_that_is_gone_is_shown_as_it_is():
    assert told(readable(None, "text", {})) == (TEXT, "text", "")
    assert told(readable(None, True, {})) == (PLAIN, "true", "")
    assert readable(None, [1], {}).kind == JSON


def test_where_people_would_see_no_difference_the_exact_value_is_shown():
    before, after = read("moment", "2026-01-31T23:30:01Z"), read("moment", "2026-01-31T23:30:02Z")
    assert before.text == after.text
    assert (before.exactly.text, after.exactly.text) == (before.exact, after.exact)
    assert read("char", "x").exactly.text == "x"


def test_a_key_that_is_no_number_is_plain():
    assert read("id", "01a2", Ticket).text == "01a2"
    assert read("quantity", 3, Stock).text == "3"
