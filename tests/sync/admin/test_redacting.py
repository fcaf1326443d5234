"""Values are removed from the history of a record after a look at what that touches."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse

from sync.models import REDACTED, SyncLog
from sync.publishing import publish
from tests.sync.admin.people import staff
from tests.sync.observing import name_of
from tests.testapp.models import Memo, Seat, Stock

pytestmark = pytest.mark.django_db

REDACT = reverse("admin:sync_synclog_redact")
RIGHTS = ("sync.view_synclog", "sync.redact_synclog")
REASON = "asked to be forgotten"


@pytest.fixture
def stock():
    """A record whose history holds what its table does not any more."""
    made = Stock.objects.create(sku="bolt", warehouse="north")
    publish()
    Stock.objects.update(sku="")
    publish()
    return made


def url_of(record):
    query = {"table": record._meta.db_table, "record": name_of(record)}
    return f"{REDACT}?" + "&".join(f"{name}={value}" for name, value in query.items())


def send(client, record, *names, do, **given):
    return client.post(url_of(record), {"field": names, "reason": REASON, "do": do} | given)


def text(page):
    return " ".join(page.content.decode().split())


def whole_log():
    return json.dumps(list(SyncLog.objects.values_list("data", "reason")))


def test_a_record_is_asked_for_where_none_is_named(admin_client):
    page = text(admin_client.get(REDACT))
    assert '<option value="testapp_stock">' in page and 'name="record"' in page


@pytest.mark.parametrize(
    "query",
    ["table=nothing&record=1", "table=testapp_unseen&record=1", "table=testapp_stock&record="],
)
def test_a_record_that_cannot_be_one_is_asked_for_again(admin_client, query):
    page = admin_client.get(f"{REDACT}?{query}")
    assert page.context["record_form"].errors
    assert 'method="post" id="hub-redact"' not in text(page)


def test_a_table_alone_is_taken_for_a_beginning(admin_client):
    page = text(admin_client.get(f"{REDACT}?table=testapp_stock"))
    assert '<option value="testapp_stock" selected>' in page


def test_the_fields_of_a_record_can_be_chosen_in_its_address(admin_client, stock):
    page = text(admin_client.get(url_of(stock) + "&field=sku"))
    assert 'value="sku" id="id_field_0" checked' in page
    assert 'value="warehouse"' in page and "checked" in page
    assert page.count("checked") == 1


def test_the_record_is_called_by_its_name(admin_client, red):
    memo = Memo.objects.create(team=red, text="Order desks")
    page = text(admin_client.get(url_of(memo)))
    assert "Order desks" in re.search("<h2>(.*?)</h2>", page)[1]


def test_neither_the_key_nor_what_the_audience_is_made_of_is_offered(admin_client, red):
    page = admin_client.get(url_of(Memo.objects.create(team=red, text="a")))
    assert [name for name, _ in page.context["form"].fields["field"].choices] == ["text"]


def test_a_column_that_only_the_history_has_is_offered(admin_client, stock):
    entry = SyncLog.objects.newest().get()
    with connection.cursor() as cursor:
        data = json.dumps(entry.values | {"dropped": "bolt"})
        cursor.execute("UPDATE sync_log SET data = %s WHERE id = %s", [data, entry.pk])
    page = send(admin_client, stock, "dropped", do="redact")
    assert page.context["outcome"].is_done
    assert SyncLog.objects.get(pk=entry.pk).values["dropped"] is None


def test_a_look_lists_the_changes_that_hold_a_value_and_removes_nothing(admin_client, stock):
    page = send(admin_client, stock, "sku", do="look")
    assert "2 changes would be rewritten." in text(page)
    assert [one.action for one in page.context["outcome"].entries] == ["insert"]
    assert "Remove these values for good" in text(page)
    assert "bolt" in whole_log()
    assert not LogEntry.objects.exists()


def test_a_form_is_there_for_a_record_that_can_be_one(admin_client, stock):
    page = text(admin_client.get(url_of(stock)))
    assert 'method="post" id="hub-redact"' in page
    assert "for good" not in page


def test_what_is_confirmed_is_removed_and_clients_are_told(admin_client, admin_user, stock):
    page = send(admin_client, stock, "sku", do="redact")
    assert "2 changes were rewritten." in text(page)
    assert "Clients that hold them are told to forget them" in text(page)
    assert "bolt" not in whole_log()
    told = SyncLog.objects.get(cause=REDACTED)
    assert (told.reason, told.actor, told.source) == (REASON, admin_user.username, "admin")
    assert told.seq is not None
    message = LogEntry.objects.get().get_change_message()
    assert message == f"Removed sku from 2 changes of testapp_stock {stock.pk}"


def test_the_page_to_confirm_carries_what_was_looked_at(admin_client, stock):
    page = text(send(admin_client, stock, "sku", do="look", keep="on"))
    form = page[page.index('id="hub-confirm"') : page.index("Remove these values for good")]
    for value in ('name="field" value="sku"', f'value="{REASON}"', 'name="keep" value="on"'):
        assert value in form


@pytest.mark.parametrize("do", ["look", "redact"])
def test_no_two_elements_have_one_id(admin_client, stock, do):
    page = text(send(admin_client, stock, "sku", do=do))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_record_that_is_gone_can_be_redacted(admin_client, stock):
    name = url_of(stock)
    stock.delete()
    page = admin_client.post(name, {"field": ["sku"], "reason": REASON, "do": "redact"})
    assert page.context["outcome"].count == 3
    assert "bolt" not in whole_log()


def test_a_record_with_a_key_of_several_columns_is_named_as_in_the_log(admin_client):
    seat = Seat.objects.create(room="a", number=1, guest="bolt")
    Seat.objects.update(guest="")
    page = send(admin_client, seat, "guest", do="redact")
    assert page.context["outcome"].is_done
    assert "bolt" not in whole_log()


def test_a_value_that_the_table_still_holds_is_refused_unless_it_may_stay(admin_client, stock):
    Stock.objects.update(sku="nut")
    for do in ("look", "redact"):
        page = send(admin_client, stock, "sku", do=do)
        assert "The table still has a value in sku" in text(page)
        assert page.context["outcome"] is None
    assert "bolt" in whole_log()
    assert send(admin_client, stock, "sku", do="redact", keep="on").context["outcome"].is_done


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"field": []}, "field"),
        ({"field": ["id"]}, "field"),
        ({"field": ["nothing"]}, "field"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 256}, "reason"),
    ],
)
def test_what_is_missing_or_wrong_is_told_at_its_field(admin_client, stock, given, wrong):
    page = send(admin_client, stock, "sku", do="redact", **given)
    assert page.context["form"].errors.keys() == {wrong}
    assert "bolt" in whole_log()


def test_a_key_that_cannot_be_one_is_told(admin_client):
    page = admin_client.post(
        f"{REDACT}?table=testapp_stock&record=x", {"field": ["sku"], "reason": REASON, "do": "look"}
    )
    assert page.context["form"].errors


def test_a_history_too_long_for_a_request_is_left_to_the_command(
    admin_client, stock, sync_settings
):
    sync_settings(HISTORY_REDACT_ENTRIES=1)
    for do in ("look", "redact"):
        page = send(admin_client, stock, "sku", do=do)
        assert "more than 1 changes: use manage.py sync_redact" in text(page)
    assert "bolt" in whole_log()
    sync_settings(HISTORY_REDACT_ENTRIES=2)
    assert send(admin_client, stock, "sku", do="redact").context["outcome"].is_done


def test_what_was_removed_already_is_not_removed_again(admin_client, stock):
    send(admin_client, stock, "sku", do="redact")
    page = send(admin_client, stock, "sku", do="redact")
    assert "0 changes were rewritten." in text(page)
    assert SyncLog.objects.filter(cause=REDACTED).count() == 1


def test_a_record_without_a_history_is_told(admin_client, stock):
    page = text(admin_client.get(f"{REDACT}?table=testapp_stock&record={stock.pk + 1}"))
    assert "The log has no change of this record." in page


@pytest.mark.parametrize("rights", [(), RIGHTS[:1], RIGHTS[1:]])
def test_it_needs_a_right_of_its_own_beside_that_to_see_the_history(client, stock, rights):
    client.force_login(staff(*rights, "testapp.view_stock"))
    assert client.get(url_of(stock)).status_code == 403
    assert send(client, stock, "sku", do="redact").status_code == 403


def test_records_that_somebody_may_not_see_cannot_be_redacted(client, stock):
    client.force_login(staff(*RIGHTS, "testapp.view_owner"))
    page = send(client, stock, "sku", do="redact")
    assert page.context["record_form"].errors
    assert "bolt" in whole_log()


def test_a_page_of_another_site_cannot_redact(admin_user, stock):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert send(client, stock, "sku", do="redact").status_code == 403
    assert "bolt" in whole_log()
