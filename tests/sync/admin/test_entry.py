"""The page of an entry: what changed, who made it, and what is around it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

import sync
from hubproject.models import Project
from sync.admin.entry_additions import Fact
from sync.admin.links import Link
from sync.admin.passed import Passed
from sync.models import LogHead, SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.admin.html import Element
from tests.sync.observing import Statements
from tests.testapp.models import (
    Account,
    Cascaded,
    Draft,
    Everything,
    Memo,
    Owner,
    Place,
    Seat,
    Stock,
    Ticket,
    Unseen,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock():
    """Make the changes of two records, by somebody and for a reason."""
    with sync.context(actor="ada", request_id="r-1", client_id="c-1", reason="stocktaking"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="command"):
        stock.quantity = 4
        stock.save()
        Owner.objects.create(name="Alan").delete()
    return stock


def url_of(entry):
    return reverse("admin:sync_synclog_change", args=[entry.pk])


def page_of(client, **which):
    publish()
    return Element.of(client.get(url_of(SyncLog.objects.get(**which))))


def changed(page):
    """Return the changed fields as (field, before, after); where there is one side, as it."""
    tables = page.all("table", "hub-fields")
    folded = [table for one in page.all("details", "hub-unchanged") for table in one.all("table")]
    return [row_of(row) for table in tables if table not in folded for row in table.all("tr") if
            "data-field" in row.attributes]  # fmt: skip


def unchanged(page):
    folded = page.all("details", "hub-unchanged")
    rows = [row for one in folded for row in one.all("tr") if "data-field" in row.attributes]
    return [row_of(row) for row in rows]


def row_of(row):
    return (row.attributes["data-field"], *(cell.text for cell in row.all("td")))


def fact(page, name):
    for line in page.one("section", "hub-entry-facts").one("dl").all("div"):
        if line.one("dt").text == name:
            return line.one("dd")
    return None


def links(element):
    return {one.text: one.attributes["href"] for one in element.all("a")}


def test_changed_fields_come_first_side_by_side_and_the_others_are_folded(admin_client, stock):
    page = page_of(admin_client, action="update")
    assert page.one("h1").text == "4 x bolt was changed"
    assert changed(page) == [("quantity", "3", "4")]
    assert unchanged(page) == [("id", str(stock.pk)), ("sku", "bolt"), ("warehouse", "north")]
    assert page.one("details", "hub-unchanged").one("summary").text == "3 unchanged fields"


def test_fields_are_called_as_people_call_them_with_their_names_beside(admin_client):
    Draft.objects.create(title="One")
    rows = page_of(admin_client).one("section", "hub-entry-fields").all("tr")
    heads = [row.one("th").text for row in rows if row.attributes]
    assert heads == ["ID id", "Title title"]


def test_what_came_and_what_went_has_one_side(admin_client, stock):
    made = page_of(admin_client, action="insert", actor="ada")
    assert made.one("h1").text == "4 x bolt was added"
    assert ("sku", "bolt") in changed(made)
    gone = page_of(admin_client, action="delete")
    assert gone.one("h1").text == "Alan was deleted"
    assert ("name", "Alan") in changed(gone)


def test_a_field_that_was_empty_says_so_to_who_cannot_see_the_dash(admin_client):
    thing = Everything.objects.create(maybe=None, char="x")
    thing.maybe, thing.char = 5, ""
    thing.save()
    assert changed(page_of(admin_client, action="update")) == [
        ("char", "x", "empty text"), ("maybe", "–empty", "5"),
    ]  # fmt: skip


def test_words_that_changed_are_marked_for_the_eye_and_for_the_ear(admin_client):
    ticket = Ticket.objects.create(subject="Sign the lease today")
    ticket.subject = "Sign both copies today"
    ticket.save()
    page = page_of(admin_client, action="update")
    [(_, before, after)] = changed(page)
    assert before == "Sign [removed] the lease [end] today"
    assert after == "Sign [added] both copies [end] today"
    assert page.one("del").seen == "the lease"
    assert page.one("ins").seen == "both copies"


def test_a_long_text_scrolls_and_shows_the_surroundings_of_its_changes(admin_client):
    lines = [f"line {n} of the text" for n in range(200)]
    thing = Everything.objects.create(text="\n".join(lines))
    lines[100] = "line one hundred of the text"
    thing.text = "\n".join(lines)
    thing.save()
    row = page_of(admin_client, action="update").one("tr", data_field="text")
    box = row.one("td", data_side="after").one("div", "hub-text")
    assert box.attributes["tabindex"] == "0"
    assert len(box.all("details")) == 2
    folded = [one.one("summary").raw for one in box.all("details")]
    told = [one.raw for one in box.all("span", "hub-hidden")]
    left = box.raw
    for text in folded + told:
        left = left.replace(text, "", 1)
    assert left == thing.text


def test_a_text_that_is_too_large_for_a_page_says_how_much_is_left_out(admin_client, sync_settings):
    sync_settings(TEXT_LENGTH=300)
    Everything.objects.create(text="x" * 1000)
    assert "… and 700 more characters" in page_of(admin_client).text


def test_a_document_is_told_place_by_place(admin_client):
    thing = Everything.objects.create(options={"lamp": {"on": True, "hue": "red"}, "n": [1, 2]})
    thing.options = {"lamp": {"on": False, "watts": 5}, "n": [1, 2, 3]}
    thing.save()
    page = page_of(admin_client, action="update")
    told = [
        (one.attributes["data-change"], one.all("bdi")[0].text, one.one("div", "hub-place").text)
        for one in page.one("ul", "hub-places").all("li")
    ]
    assert told == [
        ("removed", "lamp.hue", "red"), ("changed", "lamp.on", "truefalse"),
        ("added", "lamp.watts", "5"), ("added", "n[2]", "3"),
    ]  # fmt: skip


def test_of_a_document_no_more_places_are_told_than_a_page_has_room_for(
    admin_client, sync_settings
):
    sync_settings(JSON_PLACES=10)
    thing = Everything.objects.create(options={})
    thing.options = {f"key{n:02}": n for n in range(15)}
    thing.save()
    page = page_of(admin_client, action="update")
    assert len(page.one("ul", "hub-places").all("li")) == 10
    assert "and 5 more places" in page.text


def test_what_a_record_holds_is_shown_as_text(admin_client, red):
    Memo.objects.create(team=red, text="<script>alert(1)</script>")
    content = admin_client.get(url_of(SyncLog.objects.get(table="testapp_memo"))).content.decode()
    assert "<script>alert(1)" not in content
    assert "&lt;script&gt;alert(1)" in content


def test_a_foreign_key_is_shown_by_its_record(admin_client):
    ada, bob = Owner.objects.create(name="Ada"), Owner.objects.create(name="Bob")
    child = Cascaded.objects.create(owner=ada)
    child.owner = bob
    child.save()
    key = bob.pk
    Owner.objects.filter(pk=key).delete()
    page = page_of(admin_client, action="update")
    assert changed(page) == [("owner_id", f"Ada {ada.pk}", f"Bob deleted {key}")]


def test_a_foreign_key_to_what_somebody_may_not_see_is_not_named(viewer):
    child = Cascaded.objects.create(owner=Owner.objects.create(name="Ada"))
    page = page_of(viewer(Cascaded), table="testapp_cascaded")
    assert ("owner_id", f"Owner {child.owner_id} {child.owner_id}") in changed(page)
    assert "Ada" not in page.text


def test_a_secret_is_not_shown(admin_client):
    Account.objects.create(name="a", password="kept-back-1", api_token="kept-back-2")
    assert "kept-back" not in page_of(admin_client).text


def test_what_was_redacted_is_shown_as_that_with_the_reason(admin_client, stock):
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"], reason="<b>asked</b> to be forgotten")
    told = "redacted: <b>asked</b> to be forgotten"
    made = page_of(admin_client, actor="ada")
    assert ("sku", told) in changed(made)
    redaction = page_of(admin_client, cause="redacted")
    assert changed(redaction) == []
    assert ("sku", told) in unchanged(redaction)
    assert "Values were removed from the history" in redaction.text
    assert "bolt" not in made.text + redaction.text


def test_what_is_masked_is_not_read_as_a_value_of_its_field(admin_client, register):
    register(Stock, redact={"quantity": "hash"})
    stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    stock.quantity = 4
    stock.save()
    [(name, before, after)] = changed(page_of(admin_client, action="update"))
    assert name == "quantity"
    assert "sha256:" in before and "sha256:" in after and before != after


def test_a_change_whose_predecessor_is_lost_shows_what_is_known(admin_client, stock):
    publish()
    first = SyncLog.objects.get(actor="ada")
    SyncLog.objects.filter(pk=first.pk)._raw_delete("default")
    page = page_of(admin_client, action="update")
    assert changed(page) == [("quantity", "4")]
    assert "The log has no earlier change of this record" in page.text


def test_a_record_that_left_its_audience_has_no_changed_fields(admin_client, red, blue):
    memo = Memo.objects.create(team=red, text="hello")
    publish()
    memo.team = blue
    memo.save()
    left = page_of(admin_client, cause="moved")
    assert left.one("h1").text == "hello left an audience"
    assert changed(left) == []
    assert "were told to forget it" in left.text
    came = page_of(admin_client, cause="arrived")
    assert [name for name, *_ in changed(came)] == ["team_id"]
    assert "came from another audience" in came.text


def test_a_save_that_changed_nothing_says_so(admin_client, register):
    register(Owner, keep_unchanged=True)
    Owner.objects.create(name="Ada").save()
    assert "sent to nobody" in page_of(admin_client, table="testapp_owner", action="update").text


def test_a_change_shows_who_made_it_and_why(admin_client, stock):
    page = page_of(admin_client, actor="ada")
    said = {name: fact(page, name).text for name in ("Reason", "Request", "Client", "Source")}
    assert said == {"Reason": "stocktaking", "Request": "r-1", "Client": "c-1", "Source": "task"}
    assert fact(page, "Who").text.startswith("ada")
    assert fact(page, "Audience").text == "everyone"
    assert fact(page, "Event").text == "stock.created"


def test_a_change_shows_its_place_as_clients_know_it(admin_client, stock):
    page = page_of(admin_client, actor="ada")
    entry = SyncLog.objects.get(actor="ada")
    assert fact(page, "Position").text == str(entry.seq)
    epoch = LogHead.objects.get().epoch
    assert fact(page, "Cursor").text == f"{epoch}-{entry.seq}-{entry.transaction.hex[-8:]}"
    assert "seconds later" in fact(page, "Published").text
    time = fact(page, "Recorded").one("time").attributes["datetime"]
    assert time.startswith(entry.recorded_at.isoformat()[:19])


def test_the_user_who_made_a_change_is_linked(admin_client, viewer):
    ada = User.objects.create_user("ada")
    with sync.context(actor=ada):
        Owner.objects.create(name="x")
    who = fact(page_of(admin_client, table="testapp_owner"), "Who")
    assert links(who)["ada"] == reverse("admin:auth_user_change", args=[ada.pk])
    assert "ada" not in links(fact(page_of(viewer(Owner), table="testapp_owner"), "Who"))
    ada.delete()
    who = fact(page_of(admin_client, table="testapp_owner"), "Who")
    assert "ada" not in links(who)
    assert "deleted" in who.text


def test_the_record_is_linked_where_the_admin_has_it(admin_client):
    Owner.objects.create(name="Ada")
    assert "Open the record" not in links(page_of(admin_client, table="testapp_owner"))
    project = Project.objects.create(name="Move")
    table = Project._meta.db_table
    url = reverse("admin:hubproject_project_change", args=[project.pk])
    assert links(page_of(admin_client, table=table))["Open the record"] == url
    project.delete()
    page = page_of(admin_client, table=table, action="insert")
    assert "Open the record" not in links(page)


def test_the_changes_before_and_after_are_linked(admin_client, stock):
    publish()
    first, second, third, fourth = SyncLog.objects.order_by("seq")
    around = page_of(admin_client, pk=second.pk).one("nav", "hub-neighbours")
    assert links(around) == {
        "Previous change of this record": url_of(first),
        "Previous change in the log": url_of(first),
        "Next change in the log": url_of(third),
    }
    around = page_of(admin_client, pk=first.pk).one("nav", "hub-neighbours")
    assert links(around) == {
        "Next change of this record": url_of(second),
        "Next change in the log": url_of(second),
    }
    around = page_of(admin_client, pk=fourth.pk).one("nav", "hub-neighbours")
    assert "Next change in the log" not in links(around)


def test_changes_that_somebody_may_not_see_are_passed_over(viewer, sync_settings):
    Owner.objects.create(name="a")
    Place.objects.bulk_create(Place(name=str(n)) for n in range(5))
    Owner.objects.create(name="b")
    publish()
    first, *_, last = SyncLog.objects.order_by("seq")
    client = viewer(Owner)
    around = page_of(client, pk=last.pk).one("nav", "hub-neighbours")
    assert links(around) == {"Previous change in the log": url_of(first)}
    sync_settings(NEIGHBOURS=3)
    assert page_of(client, pk=last.pk).all("nav", "hub-neighbours") == []


def test_the_whole_transaction_is_linked(admin_client, stock):
    entry = SyncLog.objects.get(actor="ada")
    page = page_of(admin_client, pk=entry.pk)
    entry.refresh_from_db()
    url = reverse("admin:sync_synclog_transaction", args=[entry.seq])
    assert links(page)["Whole transaction"] == url


def test_a_change_that_is_not_published_yet_is_shown_too(admin_client, monkeypatch):
    monkeypatch.setattr("sync.publishing._is_inside_a_transaction", lambda alias: True)
    owner = Owner.objects.create(name="Ada")
    owner.name = "Bob"
    owner.save()
    page = Element.of(admin_client.get(url_of(SyncLog.objects.get(action="update"))))
    assert [name for name, *_ in changed(page)] == ["name"]
    assert "waits for its place in the log" in page.text


def test_who_may_is_led_to_restoring_undoing_and_removing_values(admin_client, client, stock):
    entry = SyncLog.objects.get(actor="ada")
    offered = links(page_of(admin_client, pk=entry.pk))
    assert offered["Restore…"] == reverse("admin:sync_synclog_restore", args=[entry.pk])
    assert offered["Undo the whole transaction…"] == reverse(
        "admin:sync_synclog_undo", args=[entry.pk]
    )
    query = {"table": entry.table, "record": entry.record_id}
    assert offered["Remove values…"] == reverse("admin:sync_synclog_redact", query=query)


def test_others_add_facts_and_actions(admin_client, monkeypatch):
    facts = [lambda request, entry: [Fact("Device", "Ada's phone", "/d/")]]
    actions = [lambda request, log_admin, entry: [Link("Undo", "/u/")]]
    monkeypatch.setattr("sync.admin.entry.FACTS", facts)
    monkeypatch.setattr("sync.admin.entry_actions.ACTIONS", actions)
    Owner.objects.create(name="Ada")
    page = page_of(admin_client)
    assert links(fact(page, "Device")) == {"Ada's phone": "/d/"}
    assert links(page)["Undo"] == "/u/"


@pytest.fixture
def provider(monkeypatch):
    """Let the test say which clients have passed an entry."""
    said = []
    monkeypatch.setattr("sync.admin.passed.PROVIDERS", [lambda request, entry: said])
    return said


def test_the_clients_that_have_passed_it_are_told(admin_client, provider, sync_settings):
    Owner.objects.create(name="Ada")
    provider += [
        Passed("late", "not yet", False, user="bob"),
        Passed("phone", "got it", True, "/c/"),
    ]
    table = page_of(admin_client).one("table", "hub-clients")
    assert [
        (row.attributes["data-passed"], row.text) for row in table.all("tr") if row.attributes
    ] == [("no", "latebobnot yet"), ("yes", "phonegot it")]
    assert links(table) == {"phone": "/c/"}
    sync_settings(PASSED_CLIENTS=1)
    page = page_of(admin_client)
    assert "phone" not in page.text
    assert "There are more clients" in page.text


def test_without_clients_nothing_is_said_of_them(admin_client):
    Owner.objects.create(name="Ada")
    assert page_of(admin_client).all("section", "hub-entry-clients") == []


@pytest.mark.parametrize("count", [1, 40])
def test_the_page_costs_as_much_in_a_long_history_as_in_a_short_one(admin_client, count):
    owner, other = Owner.objects.create(name="Ada"), Owner.objects.create(name="Bob")
    child = Cascaded.objects.create(owner=owner)
    for n in range(count):
        child.owner = other if n % 2 == 0 else owner
        child.save()
    publish()
    newest = SyncLog.objects.filter(action="update").earliest("seq")
    admin_client.get(url_of(newest))
    with Statements() as asked:
        admin_client.get(url_of(newest))
    # session, user, head and pending, entry, predecessor, two labels, two neighbours each; what the
    # hub asks of its clients: the head, who is connected, who has left; whether it is the newest
    assert len(asked) == 15


def test_the_page_of_a_composite_key_names_its_record(admin_client):
    Seat.objects.create(room="A/1", number=3)
    assert page_of(admin_client).one("h1").text == "A/1 3 was added"


def test_an_entry_that_is_not_there_is_said_to_be_missing_as_django_does(admin_client):
    for pk in ("999", "x", "9" * 30):
        response = admin_client.get(reverse("admin:sync_synclog_change", args=[pk]), follow=True)
        assert response.redirect_chain == [("/admin/", 302)]
        assert "doesn’t exist. Perhaps it was deleted?" in response.content.decode()


def test_who_may_not_see_the_history_sees_no_entry(viewer, client, stock):
    url = url_of(SyncLog.objects.get(actor="ada"))
    assert viewer(Stock, history=False).get(url).status_code == 403
    assert client.get(url).url.startswith("/admin/login/")
    missing = reverse("admin:sync_synclog_change", args=[999])
    assert viewer(Stock, history=False).get(missing).status_code == 403


def test_an_entry_is_for_who_may_view_its_model(viewer, stock):
    entry = SyncLog.objects.get(actor="ada")
    assert viewer(Stock).get(url_of(entry)).status_code == 200
    other = viewer(Owner)
    assert other.get(url_of(entry)).status_code == 403
    django_page = reverse("admin:sync_synclog_history", args=[entry.pk])
    assert other.get(django_page).status_code == 403


def test_what_no_model_has_any_more_is_for_who_may_see_everything(
    admin_client, viewer, stock, unregister
):
    publish()
    entry = SyncLog.objects.filter(actor="ada").order_by("seq").last()
    with log_maintenance():
        SyncLog.objects.filter(pk=entry.pk).update(table="gone_table")
    page = Element.of(admin_client.get(url_of(entry)))
    assert page.one("h1").text == f"gone_table {stock.pk} was added"
    assert viewer(Stock, Unseen).get(url_of(entry)).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_can_be_sent_to_it(admin_client, stock, method):
    before = list(SyncLog.objects.values("pk", "data", "reason"))
    url = url_of(SyncLog.objects.get(actor="ada"))
    assert getattr(admin_client, method)(url, {"reason": "forged"}).status_code == 403
    assert list(SyncLog.objects.values("pk", "data", "reason")) == before


def test_it_offers_no_way_to_change_anything_and_runs_nothing_inline(admin_client, stock):
    content = admin_client.get(url_of(SyncLog.objects.get(actor="ada"))).content.decode()
    for way in ('name="_save"', "deletelink", "synclog/add/", " style=", "onclick", "<style"):
        assert way not in content
