"""Records are named by what they call themselves, in as many queries for many as for few."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.template.loader import render_to_string

import sync
from sync.admin.labels import Label, labels
from sync.conf import conf
from tests.sync.observing import Statements, name_of
from tests.testapp.models import (
    Account,
    Article,
    Cascaded,
    CascadedDeeper,
    Comment,
    Memo,
    Owner,
    Place,
    Restaurant,
    Seat,
    Stock,
    Ticket,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_by(rf):
    """Return a function that asks as somebody; without a name, as who may see everything."""

    def ask(pairs, user=None, site=admin.site):
        request = rf.get("/")
        request.user = user or User(is_superuser=True, is_active=True, is_staff=True)
        return labels(site, request, pairs)

    return ask


@pytest.fixture
def executed(monkeypatch):
    """Count what reaches the database, where `Statements` has also what was refused on the way."""
    sent = []
    execute = CursorWrapper._execute

    def counting(self, sql, params, *ignored):
        if sql.startswith("SELECT"):
            sent.append(sql)
        return execute(self, sql, params, *ignored)

    monkeypatch.setattr(CursorWrapper, "_execute", counting)
    return sent


def pair(instance):
    return instance._meta.db_table, name_of(instance)


def test_a_record_is_called_what_it_calls_itself_whatever_its_key(asked_by):
    records = [
        Owner.objects.create(name="Ada"),
        Ticket.objects.create(subject="Broken lamp"),
        Seat.objects.create(room="A/1", number=3),
        Restaurant.objects.create(name="Noma", stars=3),
    ]
    found = asked_by(map(pair, records))
    assert [found[pair(one)].text for one in records] == ["Ada", "Broken lamp", "A/1 3", "Noma"]
    assert not any(label.is_deleted for label in found.values())


@pytest.mark.parametrize("count", [1, 30])
def test_names_cost_one_query_per_table(asked_by, count):
    owners = [Owner.objects.create(name=str(n)) for n in range(count)]
    memos = [Ticket.objects.create(subject=str(n)) for n in range(count)]
    with Statements() as asked:
        asked_by([pair(one) for one in owners + memos])
    assert len(asked) == 2


def test_a_name_that_needs_related_objects_costs_as_many_queries_for_many(
    asked_by, executed, monkeypatch
):
    monkeypatch.setattr(CascadedDeeper, "__str__", lambda self: f"of {self.parent.owner.name}")
    parents = [Cascaded.objects.create(owner=Owner.objects.create(name=f"o{n}")) for n in range(12)]
    deeper = [CascadedDeeper.objects.create(parent=parent) for parent in parents]
    executed.clear()
    asked_by([pair(one) for one in deeper[:2]])
    few = len(executed)
    executed.clear()
    found = asked_by(map(pair, deeper))
    assert len(executed) == few
    assert [found[pair(one)].text for one in deeper] == [f"of o{n}" for n in range(12)]


def test_the_related_objects_that_the_admin_lists_with_are_read_at_once(asked_by, monkeypatch):
    class CascadedAdmin(admin.ModelAdmin):
        list_select_related = ("owner",)

    site = admin.AdminSite()
    site.register(Cascaded, CascadedAdmin)
    monkeypatch.setattr(Cascaded, "__str__", lambda self: self.owner.name)
    records = [Cascaded.objects.create(owner=Owner.objects.create(name=n)) for n in "abc"]
    with Statements() as asked:
        found = asked_by(map(pair, records), site=site)
    assert len(asked) == 1
    assert [found[pair(one)].text for one in records] == ["a", "b", "c"]


def test_a_name_that_counts_rows_is_not_asked_for_row_by_row(asked_by, executed, monkeypatch):
    monkeypatch.setattr(Article, "__str__", lambda self: f"{self.labels.count()} labels")
    articles = [Article.objects.create(title=f"No. {n}") for n in range(5)]
    executed.clear()
    found = asked_by(map(pair, articles))
    assert len(executed) == 2
    assert [found[pair(one)].text for one in articles] == [f"No. {n}" for n in range(5)]


def test_a_name_that_reads_a_generic_relation_is_known(asked_by, monkeypatch):
    monkeypatch.setattr(Comment, "__str__", lambda self: f"on {self.subject}")
    article = Article.objects.create(title="Bees")
    comments = [Comment.objects.create(subject=article, text="t") for _ in range(3)]
    found = asked_by(map(pair, comments))
    assert {found[pair(one)].text for one in comments} == {"on Bees"}


def test_a_name_that_fails_breaks_nothing(asked_by, monkeypatch):
    owner = Owner.objects.create(name="Ada")
    stock = Stock.objects.create(sku="bolt", warehouse="north")
    for model in (Owner, Stock):
        monkeypatch.setattr(model, "__str__", lambda self: 1 / 0)
    found = asked_by([pair(owner), pair(stock)])
    assert found[pair(owner)].text == "Ada"
    assert found[pair(stock)].text == f"Stock {stock.pk}"


def test_a_deleted_record_is_called_what_the_log_last_knew(asked_by):
    owner = Owner.objects.create(name="Ada")
    name = pair(owner)
    Owner.objects.update(name="Countess")
    owner.delete()
    label = asked_by([name])[name]
    assert (label.text, label.is_deleted) == ("Countess", True)


def test_a_deleted_record_without_a_name_is_called_by_its_number(asked_by):
    stock = Stock.objects.create(sku="bolt", warehouse="north")
    name = pair(stock)
    stock.delete()
    label = asked_by([name])[name]
    assert (label.text, label.is_deleted) == (f"Stock {name[1]}", True)


def test_a_deleted_record_does_not_tell_a_name_that_was_redacted(asked_by):
    owner = Owner.objects.create(name="Ada")
    name = pair(owner)
    key = owner.pk
    owner.delete()
    sync.redact((Owner, key), ["name"])
    assert "Ada" not in asked_by([name])[name].text


def test_a_deleted_record_is_not_called_by_a_digest(asked_by, register):
    register(Owner, redact={"name": "hash"})
    owner = Owner.objects.create(name="Ada")
    name = pair(owner)
    owner.delete()
    assert asked_by([name])[name].text == f"Owner {name[1]}"


@pytest.mark.parametrize("record_id", ["", "x", "9" * 40, "[1,", '["a"]', "ü/?#&"])
def test_a_record_that_cannot_be_is_called_by_its_number(asked_by, record_id):
    pairs = [("testapp_owner", record_id), ("testapp_seat", record_id)]
    found = asked_by(pairs)
    assert [found[one].is_deleted for one in pairs] == [True, True]
    assert found[pairs[0]].text == f"Owner {record_id}"


def test_a_table_without_a_model_is_called_by_its_own_name(asked_by):
    label = asked_by([("gone_table", "7")])["gone_table", "7"]
    assert (label.text, label.is_deleted) == ("gone_table 7", False)


def test_records_that_somebody_may_not_view_are_not_named(asked_by, django_user_model):
    viewer = User.objects.create_user("viewer", is_staff=True)
    names = ("view_synclog", "view_place")
    viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
    place = Place.objects.create(name="Park")
    owner = Owner.objects.create(name="Ada")
    found = asked_by([pair(place), pair(owner)], viewer)
    assert found[pair(place)].text == "Park"
    assert found[pair(owner)] == Label(f"Owner {owner.pk}")


def test_a_record_that_does_not_sync_has_a_name_and_no_history(asked_by):
    user = User.objects.create_user("ada")
    assert asked_by([pair(user)]) == {pair(user): Label("ada")}


def test_a_long_name_is_cut_and_is_whole_in_its_title():
    long = Label("word " * 100)
    assert len(long.short) == conf().LABEL_LENGTH
    assert long.title == long.text
    shown = render_to_string("admin/sync/label.html", {"label": long})
    assert f'title="{long.text}"' in shown
    assert Label("short").title == ""


def test_a_name_is_shown_as_text():
    shown = render_to_string("admin/sync/label.html", {"label": Label("<b>&", "/a?b")})
    assert "&lt;b&gt;&amp;" in shown and "<b>" not in shown


def test_a_failing_name_leaves_the_transaction_usable(asked_by, monkeypatch):
    def broken(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM no_such_table")

    owner = Owner.objects.create(name="Ada")
    monkeypatch.setattr(Owner, "__str__", broken)
    assert asked_by([pair(owner)])[pair(owner)].text == "Ada"
    assert Owner.objects.count() == 1


def test_a_field_that_is_kept_back_is_no_name(asked_by, monkeypatch, register):
    register(Memo, exclude=["text"])
    account = Account.objects.create(name="Mine", password="x")
    monkeypatch.setattr(Account, "__str__", lambda self: 1 / 0)
    assert asked_by([pair(account)])[pair(account)].text == "Mine"
    register(Account, exclude=["name"])
    assert asked_by([pair(account)])[pair(account)].text == f"Account {account.pk}"
