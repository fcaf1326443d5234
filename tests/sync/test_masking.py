"""What `redact=` names never reaches the log, by whatever way it comes."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.test import override_settings

import sync
from sync.backfilling import backfill
from sync.errors import RegistrationError
from sync.masking import HASH, mask
from sync.models import SyncLog
from sync.publishing import publish
from sync.registry import registry
from tests.sync.observing import published, recorded
from tests.testapp.models import Account, Memo, Owner, Seat, Stock

SECRET = "hunter2@example.org"


@pytest.fixture
def account(register):
    """Register accounts so that one field is blanked and another is hashed."""
    return register(Account, redact={"password": "blank", "name": "hash"}, exclude=["api_token"])


def digest(value, model=Account, name="name"):
    return mask(HASH, model._meta.db_table, model._meta.get_field(name))(value)


def whole_log():
    """Return all that the log's table holds, column by column, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sync_log")
        return repr(cursor.fetchall())


def save():
    Account.objects.create(name=SECRET, password=SECRET)


def create_in_bulk():
    Account.objects.bulk_create([Account(name=SECRET, password=SECRET)])


def update_in_bulk():
    Account.objects.create(name="", password="")
    Account.objects.update(name=SECRET, password=SECRET)


def record_raw_sql():
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO testapp_account (name, password, api_token) VALUES (%s, %s, '')",
            [SECRET, SECRET],
        )
    sync.record(Account, Account.objects.values_list("pk", flat=True))


def record_raw_delete():
    sync.record_deleted(Account, [{"id": 7, "name": SECRET, "password": SECRET}])


def delete():
    Account.objects.create(name=SECRET, password=SECRET).delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write", [save, create_in_bulk, update_in_bulk, record_raw_sql, record_raw_delete, delete]
)
def test_the_value_is_nowhere_in_the_log(account, write):
    with recorded() as entries:
        write()
    publish()
    assert {tuple(sorted(entry.values)) for entry in entries} == {("id", "name", "password")}
    assert (entries[-1].values["name"], entries[-1].values["password"]) == (digest(SECRET), None)
    assert SECRET not in whole_log()


@pytest.mark.django_db
def test_the_value_of_a_fixture_is_nowhere_in_the_log(account, tmp_path):
    fields = {"name": SECRET, "password": SECRET, "api_token": ""}
    fixture = tmp_path / "account.json"
    fixture.write_text(json.dumps([{"model": "testapp.account", "pk": 7, "fields": fields}]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert SyncLog.objects.get(table="testapp_account").values["name"] == digest(SECRET)
    assert SECRET not in whole_log()


@pytest.mark.django_db
def test_the_value_of_a_record_that_was_there_before_is_nowhere_in_the_log(register, unregister):
    unregister(Account)
    save()
    register(Account, redact={"password": "blank", "name": "hash"})
    assert list(backfill(Account, "default")) == [(1, 1)]
    assert SyncLog.objects.get(table="testapp_account").values["name"] == digest(SECRET)
    assert SECRET not in whole_log()


@pytest.mark.django_db
def test_a_changed_digest_is_a_change_and_a_changed_blank_is_none(account):
    one = Account.objects.create(name="a", password="a")
    for name, password in [("b", "a"), ("b", "b"), ("a", "b")]:
        Account.objects.filter(pk=one.pk).update(name=name, password=password)
    publish()
    assert [entry.changed_names for entry in published() if not entry.is_unchanged] == [
        None, ["name"], ["name"],
    ]  # fmt: skip


def test_equal_values_have_equal_digests_that_do_not_tell_the_value():
    assert digest(SECRET) == digest(SECRET)
    assert digest(SECRET) != digest(SECRET + " ")
    kind, _, digits = digest(SECRET).partition(":")
    assert (kind, len(digits), set(digits) <= set("0123456789abcdef")) == ("sha256", 32, True)


def test_no_value_has_no_digest_but_an_empty_one_has():
    assert digest(None) is None
    assert digest("").startswith("sha256:")


def test_a_digest_needs_the_key_of_the_project():
    here = digest(SECRET)
    with override_settings(SECRET_KEY="another"):
        assert digest(SECRET) != here


def test_the_digests_of_two_columns_cannot_be_joined():
    assert digest(SECRET) != digest(SECRET, name="password")
    assert digest(SECRET) != digest(SECRET, model=Owner)


@pytest.mark.parametrize(
    ("field", "one", "same"),
    [
        (models.DecimalField(decimal_places=2), "1.5", "1.50"),
        (models.JSONField(), {"a": 1, "b": [2]}, {"b": [2], "a": 1}),
    ],
)
def test_values_that_are_equal_to_the_database_have_equal_digests(field, one, same):
    field.attname = "any"
    masked = mask(HASH, "any", field)
    assert masked(field.to_python(one)) == masked(field.to_python(same))


@pytest.mark.django_db
def test_a_key_and_a_number_are_masked_like_a_text(register, red):
    register(Memo, redact={"team": "hash"})
    register(Stock, redact={"quantity": "hash", "sku": "blank"})
    with recorded() as entries:
        Memo.objects.create(team=red, text="a")
        Stock.objects.create(sku="bolt", warehouse="n", quantity=3)
    memo, stock = entries
    assert memo.values["team_id"] == digest(red.pk, Memo, "team")
    assert (stock.values["sku"], stock.values["quantity"]) == (None, digest(3, Stock, "quantity"))


def test_a_list_of_fields_blanks_them(register):
    assert register(Account, redact=["name"]).redact == {"name": "blank"}
    assert register(Memo, redact=("team",)).redact == {"team_id": "blank"}
    assert register(Owner).redact == {}


def test_a_field_that_looks_secret_syncs_redacted_where_redact_names_it(register):
    registration = register(Account, redact={"password": "hash"})
    assert registration.fields == {"id", "name", "password"}


@pytest.mark.django_db
def test_a_callable_audience_is_asked_with_the_value_itself(register):
    register(Account, redact=["name"], audience=lambda account: f"first:{account.name[0]}")
    with recorded() as entries:
        Account.objects.create(name="xyz")
    assert (entries[0].audience, entries[0].values["name"]) == ("first:x", None)


@pytest.mark.parametrize(
    ("model", "options", "complaint"),
    [
        (Memo, {"redact": "text"}, "give a list of fields or a mapping"),
        (Memo, {"redact": {"text": "hide"}}, "redact 'text': use 'blank' or 'hash'"),
        (Memo, {"redact": ["nothing"]}, "has no column for 'nothing'"),
        (Memo, {"redact": ["id"]}, "the primary key names the record"),
        (Seat, {"redact": ["room"]}, "the primary key names the record"),
        (Memo, {"redact": ["text"], "exclude": ["text"]}, "redact 'text': it does not sync"),
        (Memo, {"redact": ["text"], "fields": ["team"]}, "redact 'text': it does not sync"),
        (Memo, {"redact": ["team"], "audience": "{team_id}"}, "the audience is made of its value"),
        (
            Memo,
            {"redact": ["text"], "events": {"memo.retold": ["text"]}},
            'an event waits for its change, which is not seen: use "hash"',
        ),
    ],
)
def test_a_redaction_that_could_not_work_is_refused(unregister, model, options, complaint):
    unregister(model)
    with pytest.raises(RegistrationError, match=complaint):
        sync.register(model, **options)
    assert model not in registry


@pytest.mark.django_db
def test_an_event_may_wait_for_a_digest_to_change(register, red):
    register(Memo, redact={"text": "hash"}, events={"memo.retold": ["text"]})
    Memo.objects.create(team=red, text="a")
    Memo.objects.update(text="b")
    publish()
    assert published()[-1].event == "memo.retold"
