"""The page of a transaction: all its changes, record by record, as far as somebody may see them."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.urls import reverse

import sync
from sync.change_sets import span_of
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.admin.html import Element
from tests.sync.observing import Statements
from tests.testapp.models import Cascaded, Memo, Owner, Place, Team

pytestmark = pytest.mark.django_db(transaction=True)


def url_of(entry, **query):
    return reverse("admin:sync_synclog_transaction", args=[entry.seq], query=query or None)


def last():
    publish()
    return SyncLog.objects.order_by("seq").last()


def changes_on(page):
    """Return the page's changes as (record, actions), in order."""
    return [
        (one.one("h2").text, [badge.text for badge in one.all("span", "hub-badge")])
        for one in page.all("section", "hub-transaction-record")
    ]


def links(page):
    return {one.text: one.attributes["href"] for one in page.all("a")}


@pytest.fixture
def mixed():
    """Change records of two tables in one transaction, between two others."""
    Owner.objects.create(name="before")
    with transaction.atomic(), sync.context(actor="ada", reason="moving in"):
        ada, bob = Owner.objects.create(name="Ada"), Owner.objects.create(name="Bob")
        park = Place.objects.create(name="Park")
        ada.name = "Countess"
        ada.save()
        park.name = "Garden"
        park.save()
        bob.delete()
    publish()
    Owner.objects.create(name="behind")
    publish()
    return SyncLog.objects.filter(actor="ada").order_by("seq")


@pytest.mark.parametrize("place", [0, 2, 5])
def test_any_of_its_changes_leads_to_all_record_by_record(admin_client, mixed, place):
    page = Element.of(admin_client.get(url_of(mixed[place])))
    assert changes_on(page) == [
        ("Owner Countess", ["insert", "update"]),
        ("Owner Bob deleted", ["insert", "delete"]),
        ("Place Garden", ["insert", "update"]),
    ]


def test_what_changed_is_shown_and_what_came_whole_is_folded(admin_client, mixed):
    page = Element.of(admin_client.get(url_of(mixed[0])))
    record = page.all("section", "hub-transaction-record")[0]
    made, changed = record.all("article")
    assert made.one("details").one("summary").text == "2 fields"
    row = changed.one("tr", data_field="name")
    assert [cell.seen for cell in row.all("td")] == ["Ada", "Countess"]
    assert links(changed) == {
        f"Change {mixed[3].seq}": reverse("admin:sync_synclog_change", args=[mixed[3].pk])
    }
    assert "moving in" in made.text


def test_changes_of_tables_that_somebody_may_not_see_are_counted_and_not_named(viewer, mixed):
    page = Element.of(viewer(Place).get(url_of(mixed[2])))
    assert changes_on(page) == [("Place Garden", ["insert", "update"])]
    assert "4 changes of tables that you may not see" in page.text
    content = page.one("main").text
    assert "Owner" not in content and "Countess" not in content


def test_it_is_for_who_may_see_the_change_that_leads_to_it(viewer, mixed):
    url = url_of(mixed[0])
    assert viewer(Place).get(url).status_code == 403
    assert viewer(Owner, history=False).get(url).status_code == 403
    assert viewer(Owner).get(url).status_code == 200


def test_a_number_that_the_log_has_not_is_not_found(admin_client):
    for number in (999, 10**30):
        address = reverse("admin:sync_synclog_transaction", args=[number])
        assert admin_client.get(address).status_code == 404


def test_a_huge_transaction_is_shown_in_pages(admin_client, sync_settings):
    sync_settings(TRANSACTION_PAGE=10)
    with transaction.atomic():
        Owner.objects.bulk_create(Owner(name=f"o{n:02}") for n in range(25))
    entry = last()
    seen, address = [], url_of(entry)
    while address:
        page = Element.of(admin_client.get(address))
        seen.append([name for name, _ in changes_on(page)])
        step = links(page).get("Later")
        address = step and url_of(entry).split("?")[0] + step
    assert [len(names) for names in seen] == [10, 10, 5]
    assert sum(seen, []) == [f"Owner o{n:02}" for n in range(25)]
    first = Element.of(admin_client.get(url_of(entry) + links(page)["First"]))
    assert [name for name, _ in changes_on(first)] == seen[0]
    earlier = Element.of(admin_client.get(url_of(entry) + links(page)["Earlier"]))
    assert [name for name, _ in changes_on(earlier)] == seen[1]


@pytest.mark.parametrize("asked", ["0", "x", "-1", "9" * 30, "٣", ""])
def test_a_page_that_is_not_there_is_the_first(admin_client, mixed, asked):
    page = Element.of(admin_client.get(url_of(mixed[0]), {"from": asked}))
    assert len(changes_on(page)) == 3


def test_a_change_that_is_pruned_while_it_is_looked_up_is_not_found(
    admin_client, mixed, monkeypatch
):
    def prune(using, seq, end):
        with log_maintenance():
            SyncLog.objects.filter(seq=seq).delete()
        return span_of(using, seq, end)

    monkeypatch.setattr("sync.admin.transaction.span_of", prune)
    assert admin_client.get(url_of(mixed[0])).status_code == 404


@pytest.mark.parametrize("count", [2, 30])
def test_a_large_transaction_costs_as_many_statements_as_a_small_one(admin_client, count):
    owners = [Owner.objects.create(name=str(n)) for n in range(2)]
    children = [Cascaded.objects.create(owner=owners[0]) for _ in range(count)]
    publish()
    with transaction.atomic():
        for child in children:
            child.owner = owners[1]
            child.save()
    entry = last()
    admin_client.get(url_of(entry))
    with Statements() as asked:
        admin_client.get(url_of(entry))
    # session, user, head and pending, entry, two ends, tables, entries, predecessors, two labels
    assert len(asked) == 11


def test_what_left_an_audience_says_so(admin_client):
    red, blue = Team.objects.create(name="red"), Team.objects.create(name="blue")
    memo = Memo.objects.create(team=red, text="hello")
    publish()
    memo.team = blue
    memo.save()
    page = Element.of(admin_client.get(url_of(last())))
    chips = [one.text for one in page.all("span", "hub-chip")]
    assert chips == ["left the audience", "came to the audience"]


def test_what_was_redacted_is_not_shown(admin_client):
    owner = Owner.objects.create(name="kept-back")
    entry = last()
    Owner.objects.update(name="")
    sync.redact(owner, ["name"], reason="asked")
    page = Element.of(admin_client.get(url_of(entry)))
    assert "kept-back" not in page.text
    assert "redacted: asked" in page.text


def test_a_change_whose_predecessor_is_lost_shows_what_is_known(admin_client):
    owner = Owner.objects.create(name="Ada")
    publish()
    owner.name = "Bob"
    owner.save()
    entry = last()
    with log_maintenance():
        SyncLog.objects.filter(action="insert").delete()
    page = Element.of(admin_client.get(url_of(entry)))
    assert page.one("article").one("details").one("summary").text == "1 field"
