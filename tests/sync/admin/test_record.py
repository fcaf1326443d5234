"""The history of a record: each change once, with who, why and from what to what, newest first."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import timezone

import sync
from sync.models import SyncLog
from sync.publishing import publish
from tests.sync.admin.sites import FORBIDDEN, HIDDEN
from tests.sync.observing import Statements, name_of
from tests.testapp.models import (
    Account,
    Article,
    Cascaded,
    Everything,
    Label,
    Memo,
    Owner,
    Seat,
    Stock,
    Ticket,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.sync.admin.sites"),
]


def url_of(table, record_id, page="record", site="other"):
    return reverse(f"{site}:sync_synclog_{page}", args=[quote(table), quote(record_id)])


def history(client, instance, query="", site="other"):
    response = client.get(url_of(instance._meta.db_table, name_of(instance), site=site) + query)
    assert response.status_code == 200
    return response


def brief(response):
    """Return what the lines say: the action and the changed fields, or the admin's words."""
    return [
        (row.entry.action, [field.title for field in row.fields]) if row.entry else row.told[0]
        for row in response.context["rows"]
    ]


def said(user, instance, text, ago=0):
    kind = ContentType.objects.get_for_model(instance)
    message = LogEntry.objects.create(
        user=user, content_type=kind, object_id=str(instance.pk), object_repr=str(instance),
        action_flag=CHANGE, change_message=text,
    )  # fmt: skip
    moment = timezone.now() - datetime.timedelta(seconds=ago)
    LogEntry.objects.filter(pk=message.pk).update(action_time=moment)


@pytest.fixture
def staff(client):
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)

    def permit(*codenames):
        user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))

    return permit


def test_each_change_is_a_line_newest_first(admin_client):
    with sync.context(actor="ada", source="command", reason="stocktaking"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="request"):
        Stock.objects.update(quantity=4)
    response = history(admin_client, stock)
    assert brief(response) == [
        ("update", ["Quantity"]), ("insert", ["ID", "Quantity", "Sku", "Warehouse"]),
    ]  # fmt: skip
    [field] = response.context["rows"][0].fields
    assert (field.before.text, field.after.text) == ("3", "4")
    page = response.content.decode()
    for text in ("ada", "grace", "command", "request", "stocktaking", "north"):
        assert text in page


def test_a_line_leads_to_its_entry_and_to_all_that_it_says(admin_client):
    owner = Owner.objects.create(name="a")
    response = history(admin_client, owner)
    [row] = response.context["rows"]
    assert row.url == reverse("other:sync_synclog_change", args=[row.entry.pk])
    for url in (row.url, row.transaction_url):
        assert admin_client.get(url).status_code == 200
    then = f"{response.context['as_of_url']}?at={row.entry.seq}"
    assert then in response.content.decode()
    assert f'<a href="{row.restore_url}">Restore…</a>' in response.content.decode()
    assert admin_client.get(row.restore_url).status_code == 200
    assert admin_client.get(then).status_code == 200


def test_nobody_is_led_to_a_restore_that_they_may_not_do(client, staff):
    owner = Owner.objects.create(name="a")
    staff("view_synclog", "view_owner", "change_owner")
    response = history(client, owner)
    assert [row.restore_url for row in response.context["rows"]] == [""]
    assert "Restore…" not in response.content.decode()


def test_what_the_admin_did_is_one_line_with_what_the_admin_says(admin_client, admin_user):
    owner = Owner.objects.create(name="a")
    change = reverse("other:testapp_owner_change", args=[owner.pk])
    form = {
        "name": "b", "cascaded_set-TOTAL_FORMS": 0, "cascaded_set-INITIAL_FORMS": 0,
    }  # fmt: skip
    assert admin_client.post(change, form).status_code == 302
    changed, made = history(admin_client, owner).context["rows"]
    assert (changed.entry.action, changed.told) == ("update", ["Changed Name."])
    assert changed.entry.actor == admin_user.username
    assert (made.entry.action, made.told) == ("insert", [])


def test_what_the_admin_deleted_is_one_line_with_what_the_admin_says(admin_client):
    owner = Owner.objects.create(name="Ada")
    name = owner._meta.db_table, name_of(owner)
    delete = reverse("other:testapp_owner_delete", args=[owner.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    deleted, _ = admin_client.get(url_of(*name)).context["rows"]
    assert (deleted.entry.action, deleted.told) == ("delete", ["Deleted “Ada.”"])


def test_what_the_admin_alone_knows_is_a_line_of_its_own(admin_client, admin_user):
    owner = Owner.objects.create(name="a")
    said(admin_user, owner, "before the log began", ago=3600)
    said(admin_user, owner, "Sent a letter.", ago=-60)
    assert brief(history(admin_client, owner)) == [
        "Sent a letter.", ("insert", ["ID", "Name"]), "before the log began",
    ]  # fmt: skip


def test_a_move_is_a_line_and_not_a_deletion(admin_client, red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    moved, made = history(admin_client, memo).context["rows"]
    assert (moved.entry.action, made.entry.action) == ("update", "insert")
    assert moved.note == f"moved from the audience team:{red.pk} to team:{blue.pk}"
    [team] = moved.fields
    assert (team.before.text, team.after.text) == ("red", "blue")


def test_values_that_were_removed_are_shown_to_be(admin_client):
    stock = Stock.objects.create(sku="secret", warehouse="n")
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"], reason="<b>asked</b>")
    page = history(admin_client, stock).content.decode()
    assert "secret" not in page
    assert "redacted: &lt;b&gt;asked" in page
    assert "values removed from the history: Sku" in page


def test_a_save_that_changed_nothing_says_so(admin_client, register):
    register(Owner, keep_unchanged=True)
    owner = Owner.objects.create(name="a")
    owner.save()
    assert history(admin_client, owner).context["rows"][0].note == "nothing changed"


def test_what_a_record_holds_is_shown_as_text(admin_client):
    everything = Everything.objects.create(char="<script>alert(1)</script>", options={"a": "<b>"})
    page = history(admin_client, everything).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "<b>" not in page


def test_a_wide_record_shows_some_of_its_fields_and_how_many_more(admin_client, sync_settings):
    sync_settings(HISTORY_RECORD_FIELDS=3)
    response = history(admin_client, Everything.objects.create())
    [row] = response.context["rows"]
    assert len(row.fields) == 3
    assert f"{row.further} more fields" in response.content.decode()


def test_a_record_that_is_gone_is_shown_by_the_name_it_had(admin_client):
    owner = Owner.objects.create(name="Ada")
    name = owner._meta.db_table, name_of(owner)
    owner.delete()
    response = admin_client.get(url_of(*name))
    assert brief(response) == [("delete", ["ID", "Name"]), ("insert", ["ID", "Name"])]
    page = response.content.decode()
    assert "Change history: Ada" in page
    assert "This record is gone" in page


@pytest.mark.parametrize("room", ["a", "B/2 & <annex>", "_2F", "ä é", "%2F..", '"quoted"'])
def test_a_key_of_any_characters_has_an_address(admin_client, room):
    seat = Seat.objects.create(room=room, number=1)
    response = history(admin_client, seat)
    assert response.context["subject"].record_id == name_of(seat)
    for page in ("as_of_url", "compare_url"):
        assert admin_client.get(response.context[page]).status_code == 200


def test_a_record_of_any_site_is_shown_with_the_links_of_that_site(admin_client):
    owner = Owner.objects.create(name="a")
    page = history(admin_client, owner).content.decode()
    assert 'href="/other/testapp/owner/' in page
    assert 'href="/admin/' not in page


def test_what_nobody_ever_made_is_not_found(admin_client):
    assert admin_client.get(url_of("testapp_owner", "4711")).status_code == 404
    assert admin_client.get(url_of("testapp_owner", "no number")).status_code == 404
    assert admin_client.get(url_of("no_table", "1")).status_code == 404
    assert admin_client.get(url_of("\x00", "1")).status_code == 404
    assert admin_client.get(url_of("testapp_owner", "\x00")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        *("before=x", "before=-1", f"before={'9' * 30}", "message=²"),
        *("until=soon", "until=2026-01-31", "until=9999-12-31T23:59:59-12:00"),
        *("until=9999-12-31T23:59:59Z", "until=0001-01-01T00:00%2B14:00"),
    ],
)
def test_a_place_that_no_page_gave_is_not_found(admin_client, query):
    owner = Owner.objects.create(name="a")
    assert admin_client.get(f"{url_of('testapp_owner', str(owner.pk))}?{query}").status_code == 404


def test_a_long_history_is_paged_and_holds_everything_once(admin_client, admin_user, sync_settings):
    sync_settings(HISTORY_PAGE=3)
    owner = Owner.objects.create(name="0")
    for number in range(1, 8):
        Owner.objects.update(name=str(number))
        said(admin_user, owner, f"said {number}")
    url, found = url_of("testapp_owner", str(owner.pk)), []
    query = ""
    for _ in range(20):
        response = admin_client.get(f"{url}?{query}")
        assert len(response.context["rows"]) <= 3
        found += brief(response)
        query = response.context["older"]
        if not query:
            break
    expected = [one for n in range(7, 0, -1) for one in (f"said {n}", ("update", ["Name"]))]
    assert found == [*expected, ("insert", ["ID", "Name"])]


@pytest.mark.parametrize("query", ["", "?children=1"])
def test_a_long_history_costs_as_many_statements_as_a_short_one(admin_client, admin_user, query):
    def fill(owner, count):
        for number in range(count):
            Owner.objects.filter(pk=owner.pk).update(name=str(number))
            Cascaded.objects.create(owner=owner)
            said(admin_user, owner, "said")
        return owner

    short, long = (Owner.objects.create(name="a") for _ in range(2))
    fill(short, 2)
    fill(long, 30)
    history(admin_client, short, query)
    with Statements() as few:
        history(admin_client, short, query)
    with Statements() as many:
        assert len(history(admin_client, long, query).context["rows"]) == 50
    assert len(many) == len(few) <= (24 if query else 14)


def test_children_are_shown_when_asked_for_with_their_names(admin_client):
    owner = Owner.objects.create(name="a")
    child = Cascaded.objects.create(owner=owner, name="first")
    Cascaded.objects.create(owner=Owner.objects.create(name="another"), name="of another")
    assert brief(history(admin_client, owner)) == [("insert", ["ID", "Name"])]
    response = history(admin_client, owner, "?children=1")
    row, own = response.context["rows"]
    assert (row.kind, row.label.text, row.is_own) == ("Cascaded", "first", False)
    assert own.is_own
    page = response.content.decode()
    assert url_of("testapp_cascaded", str(child.pk)) in page
    assert "of another" not in page


def test_children_that_were_deleted_are_shown_too(admin_client):
    owner = Owner.objects.create(name="a")
    Cascaded.objects.create(owner=owner, name="first").delete()
    rows = history(admin_client, owner, "?children=1").context["rows"]
    assert [row.entry.action for row in rows] == ["delete", "insert", "insert"]


def test_many_to_many_rows_are_children(admin_client):
    article, label = Article.objects.create(title="a"), Label.objects.create(name="red")
    article.labels.add(label)
    row, _ = history(admin_client, article, "?children=1").context["rows"]
    assert row.entry.table == "testapp_article_labels"
    assert "red" in [field.after.text for field in row.fields]


def test_the_page_says_which_children_it_does_not_show(admin_client, sync_settings):
    article = Article.objects.create(title="a")
    for _ in range(3):
        article.labels.add(Label.objects.create(name="red"))
    sync_settings(HISTORY_CHILDREN=2, HISTORY_CHILDREN_WINDOW=0)
    page = re.sub(r"\s+", " ", history(admin_client, article, "?children=1").content.decode())
    assert "The changes of 2 records that point here are shown, too." in page
    assert "There are more records, which are left out." in page
    assert "before" in page and "are not listed" in page
    assert "Of comments only those that changed lately are listed" in page


def test_points_to_compare_are_chosen_without_a_script(admin_client):
    owner = Owner.objects.create(name="a")
    for name in "bc":
        Owner.objects.update(name=name)
    response = history(admin_client, owner)
    page = response.content.decode()
    first, second, third = (row.entry.seq for row in response.context["rows"])
    assert f'action="{response.context["compare_url"]}"' in page
    chosen = re.findall(r'name="(from|to)" value="(\d+)"[^>]* checked', page)
    assert chosen == [("to", str(first)), ("from", str(second))]
    assert len(re.findall(rf'type="radio" name="(?:from|to)" value="{third}"', page)) == 2


def test_a_record_with_one_change_offers_nothing_to_compare(admin_client):
    page = history(admin_client, Owner.objects.create(name="a")).content.decode()
    assert 'type="radio"' not in page


def test_who_may_not_see_the_log_or_the_model_sees_no_history(client, staff):
    owner = Owner.objects.create(name="a")
    url = url_of("testapp_owner", str(owner.pk))
    assert client.get(url).status_code == 403
    staff("view_owner")
    assert client.get(url).status_code == 403
    staff("view_synclog")
    assert client.get(url).status_code == 200


def test_children_of_models_that_may_not_be_seen_are_not_shown(client, staff):
    owner = Owner.objects.create(name="a")
    Cascaded.objects.create(owner=owner, name="hidden")
    staff("view_synclog", "view_owner")
    assert len(history(client, owner, "?children=1").context["rows"]) == 1
    staff("view_cascaded")
    client.force_login(User.objects.get(username="staff"))
    assert len(history(client, owner, "?children=1").context["rows"]) == 2


def test_many_to_many_rows_are_for_who_may_see_both_sides(client, staff):
    article, label = Article.objects.create(title="a"), Label.objects.create(name="red")
    article.labels.add(label)
    staff("view_synclog", "view_article")
    assert len(history(client, article, "?children=1").context["rows"]) == 1
    staff("view_label")
    client.force_login(User.objects.get(username="staff"))
    assert len(history(client, article, "?children=1").context["rows"]) == 2


def test_what_the_records_admin_hides_or_forbids_has_no_history(admin_client):
    hidden, forbidden = (Owner.objects.create(name=name) for name in (HIDDEN, FORBIDDEN))
    assert admin_client.get(url_of("testapp_owner", str(hidden.pk))).status_code == 404
    assert admin_client.get(url_of("testapp_owner", str(forbidden.pk))).status_code == 403


def test_who_is_not_logged_in_is_sent_to_the_login(client):
    owner = Owner.objects.create(name="a")
    response = client.get(url_of("testapp_owner", str(owner.pk)))
    assert (response.status_code, response.url.split("?")[0]) == (302, "/other/login/")


def test_a_secret_is_on_no_page(admin_client):
    account = Account.objects.create(name="a", password="kept-back", api_token="kept-back")
    assert "kept-back" not in history(admin_client, account).content.decode()


def test_a_model_that_no_admin_shows_has_its_history_all_the_same(admin_client):
    seat = Seat.objects.create(room="a", number=1)
    response = history(admin_client, seat)
    assert response.context["opts"] is None
    assert brief(response) == [("insert", ["Guest", "Number", "Room"])]


def test_a_model_that_is_no_longer_registered_keeps_its_history(admin_client, unregister):
    ticket = Ticket.objects.create(subject="a")
    publish()
    unregister(Ticket)
    assert brief(history(admin_client, ticket)) == [("insert", ["Id", "Subject"])]
    assert SyncLog.objects.count() == 1
