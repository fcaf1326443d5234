"""A record at one point of its history and between two, by addresses that can be passed on."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.http import urlencode

import sync
from sync.models import SyncLog
from sync.publishing import publish
from tests.sync.admin.test_record import url_of
from tests.sync.aging import grow_older, pruned
from tests.sync.observing import Statements, name_of
from tests.testapp.models import Account, Memo, Owner, Restaurant, Stock

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.sync.admin.sites"),
]


def ask(client, instance, page, **query):
    url = url_of(instance._meta.db_table, name_of(instance), page)
    response = client.get(f"{url}?{urlencode(query)}")
    assert response.status_code == 200
    return response


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def fields_of(part):
    return {field.name: (field.before.text, field.after.text) for field in part.fields}


def changed_of(response):
    [part] = response.context["parts"]
    return {field.name: (field.before.text, field.after.text) for field in part.changed}


@pytest.fixture
def stock():
    """Change a record three times; the moments after each are its `moments`."""
    stock = Stock.objects.create(sku="a", warehouse="n", quantity=1)
    stock.moments = [timezone.now()]
    for quantity, sku in ((2, "a"), (3, "b")):
        Stock.objects.update(quantity=quantity, sku=sku)
        stock.moments.append(timezone.now())
    publish()
    stock.seqs = list(SyncLog.objects.order_by("seq").values_list("seq", flat=True))
    return stock


def test_the_state_after_a_change_is_shown(admin_client, stock):
    response = ask(admin_client, stock, "as_of", at=stock.seqs[1])
    [part] = response.context["parts"]
    assert [field.after.text for field in part.fields if field.name == "quantity"] == ["2"]
    assert f"As change {stock.seqs[1]} of" in text_of(response)


def test_so_is_the_state_at_a_moment(admin_client, stock):
    response = ask(admin_client, stock, "as_of", at=stock.moments[1].isoformat())
    assert fields_of(response.context["parts"][0])["quantity"] == ("2", "2")
    local = timezone.localtime(stock.moments[1])
    assert f'value="{local:%Y-%m-%dT%H:%M:%S}"' in response.content.decode()


def test_before_its_insert_and_after_its_delete_there_was_no_record(admin_client, stock):
    assert "Not there yet" in text_of(ask(admin_client, stock, "as_of", at=0))
    name = name_of(stock)
    Stock.objects.all().delete()
    stock.pk = name
    response = ask(admin_client, stock, "as_of", at=timezone.now().isoformat())
    assert "Deleted by change" in text_of(response)
    assert response.context["parts"][0].fields == []


def test_what_was_pruned_is_not_known(admin_client, stock):
    grow_older(days=2)
    assert pruned(older_than=datetime.timedelta(days=1)) == {"testapp_stock": 2}
    response = ask(admin_client, stock, "as_of", at=stock.seqs[0])
    assert f"Not known: the oldest change that the log keeps of it is {stock.seqs[2]}" in text_of(
        response
    )


def test_of_a_record_that_was_never_recorded_nothing_is_known(admin_client, unregister, register):
    unregister(Owner)
    owner = Owner.objects.create(name="a")
    register(Owner)
    assert "the log keeps nothing of it" in text_of(ask(admin_client, owner, "as_of", at=1))


def test_without_a_point_only_the_question_is_shown(admin_client, stock):
    response = ask(admin_client, stock, "as_of")
    assert response.context["parts"] == []
    assert 'type="datetime-local"' in response.content.decode()


@pytest.mark.parametrize("page", ["as_of", "compare"])
def test_a_point_that_is_none_is_told_with_what_to_do(admin_client, stock, page):
    query = {"at": "<b>soon", "from": "<b>soon"}
    response = ask(admin_client, stock, page, **query)
    [error] = response.context["errors"]
    assert "such as 2026-01-31 12:00" in error
    assert "<b>soon" not in response.content.decode()
    assert response.context["parts"] == []


def test_any_two_points_are_compared(admin_client, stock):
    first, _, third = stock.seqs
    wanted = {"quantity": ("1", "3"), "sku": ("a", "b")}
    assert changed_of(ask(admin_client, stock, "compare", **{"from": first, "to": third})) == wanted
    moments = {"from": stock.moments[0].isoformat(), "to": stock.moments[2].isoformat()}
    assert changed_of(ask(admin_client, stock, "compare", **moments)) == wanted


def test_the_earlier_of_two_changes_is_what_the_other_is_compared_with(admin_client, stock):
    first, _, third = stock.seqs
    response = ask(admin_client, stock, "compare", **{"from": third, "to": first})
    assert changed_of(response)["quantity"] == ("1", "3")


def test_without_points_the_newest_change_is_compared(admin_client, stock):
    assert changed_of(ask(admin_client, stock, "compare")) == {
        "quantity": ("2", "3"), "sku": ("a", "b"),
    }  # fmt: skip


def test_a_record_with_one_change_is_compared_with_nothing(admin_client):
    owner = Owner.objects.create(name="a")
    assert changed_of(ask(admin_client, owner, "compare"))["name"] == ("", "a")


def test_two_equal_points_do_not_differ(admin_client, stock):
    query = {"from": stock.seqs[0], "to": stock.seqs[0]}
    response = ask(admin_client, stock, "compare", **query)
    assert changed_of(response) == {}
    assert "No field is known to differ." in text_of(response)


def test_values_that_were_removed_are_shown_to_be(admin_client, stock):
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"], reason="asked")
    for page, query in (("as_of", {"at": stock.seqs[0]}), ("compare", {"from": stock.seqs[0]})):
        assert "redacted: asked" in text_of(ask(admin_client, stock, page, **query))


def test_records_are_called_by_their_names(admin_client, red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    assert changed_of(ask(admin_client, memo, "compare"))["team_id"] == ("red", "blue")


def test_the_rows_of_a_multi_table_record_are_shown_each(admin_client):
    place = Restaurant.objects.create(name="a", stars=1)
    Restaurant.objects.update(name="b")
    Restaurant.objects.update(stars=2)
    response = ask(admin_client, place, "compare", **{"from": 0})
    assert [part.name for part in response.context["parts"]] == ["Restaurant", "Place"]
    newest = SyncLog.objects.latest("seq").seq
    parts = ask(admin_client, place, "as_of", at=newest).context["parts"]
    assert [fields_of(part).get("stars", fields_of(part).get("name")) for part in parts] == [
        ("2", "2"), ("b", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("page", ["as_of", "compare"])
def test_the_pages_need_the_same_permissions_as_the_history(client, stock, page):
    url = url_of("testapp_stock", name_of(stock), page)
    assert client.get(url).status_code == 302
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(url).status_code == 403


def test_a_secret_is_on_no_page(admin_client):
    account = Account.objects.create(name="a", password="kept-back", api_token="kept-back")
    for page, query in (("as_of", {"at": 10**9}), ("compare", {})):
        assert "kept-back" not in text_of(ask(admin_client, account, page, **query))


def test_a_long_history_costs_as_many_statements_as_a_short_one(admin_client, stock):
    ask(admin_client, stock, "compare")
    with Statements() as short:
        ask(admin_client, stock, "compare")
    for quantity in range(10, 50):
        Stock.objects.update(quantity=quantity)
    publish()
    with Statements() as long:
        ask(admin_client, stock, "compare")
    assert len(long) == len(short) <= 16
