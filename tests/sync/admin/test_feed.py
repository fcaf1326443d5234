"""The change feed: the newest changes first, found by what somebody asks for."""

from __future__ import annotations

import re
import uuid
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import translation

import sync
from sync.admin import live
from sync.admin.live import Mediation
from sync.models import SyncLog
from sync.publishing import publish
from tests.sync.observing import Statements, pending, published
from tests.testapp.models import Account, Memo, Owner, Stock

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sync_synclog_changelist")
ROWS = reverse("admin:sync_synclog_rows")


@pytest.fixture
def history():
    """Make the changes of two records, by somebody and for a reason."""
    with sync.context(actor="ada", request_id="r-1", client_id="c-1", reason="stocktaking"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="command"):
        stock.quantity = 4
        stock.save()
        Owner.objects.create(name="Alan").delete()
    return stock


@pytest.fixture
def staff(client):
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def viewer(client, staff):
    """Staff who may see the history, and of the records only the stocks."""
    names = ("view_synclog", "view_stock")
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    return client


def entries_of(response):
    assert response.status_code == 200
    return [(entry.table, entry.action) for entry in response.context["page"].entries]


def seqs_of(response):
    assert response.status_code == 200
    return [int(seq) for seq in re.findall(r'<tr data-seq="(\d+)"', response.content.decode())]


def page_of(client, *args):
    return client.get(LIST, *args).content.decode()


def cells(page, seq):
    """Return the texts of the cells of a row, without markup."""
    [row] = re.findall(rf'<tr data-seq="{seq}">(.*?)</tr>', page, re.DOTALL)
    found = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)
    texts = [re.sub(r"<(?!/?bdi)[^>]+>", " ", cell) for cell in found]
    return [unescape(" ".join(re.sub(r"</?bdi[^>]*>", "", text).split())) for text in texts]


def many(count):
    Stock.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(count))
    publish()


def test_the_newest_change_comes_first(admin_client, history):
    assert entries_of(admin_client.get(LIST)) == [
        ("testapp_owner", "delete"), ("testapp_owner", "insert"),
        ("testapp_stock", "update"), ("testapp_stock", "insert"),
    ]  # fmt: skip


def test_a_row_says_what_who_and_why(admin_client, history):
    page = page_of(admin_client)
    [_, action, record, change, actor, source, transaction] = cells(page, published()[1].seq)
    assert action == "update"
    assert record == "4 x bolt Stock"
    assert change == "quantity 3 changed to 4"
    assert (actor, source) == ("grace", "command")
    assert transaction.endswith(str(published()[1].transaction)[-6:])
    assert cells(page, published()[0].seq)[4] == "ada stocktaking"


def test_a_row_has_its_exact_time_and_the_way_to_its_page(admin_client, history):
    page = page_of(admin_client)
    entry = published()[1]
    assert f'datetime="{entry.recorded_at:%Y-%m-%dT%H:%M:%S.%f}Z"' in page
    assert f'title="{entry.recorded_at:%Y-%m-%d %H:%M:%S.%f} UTC"' in page
    assert f'href="{reverse("admin:sync_synclog_change", args=[entry.pk])}"' in page


def test_what_came_and_what_went_is_shown_on_its_side(admin_client, history):
    page = page_of(admin_client)
    insert, gone = published()[0], published()[3]
    assert cells(page, insert.seq)[3] == "quantity 3 sku bolt warehouse north"
    assert "<del><bdi>Alan</bdi></del>" in page
    assert cells(page, gone.seq)[2] == "Alan deleted Owner"


def test_fields_beyond_the_limit_are_counted_and_long_values_cut(
    admin_client, history, sync_settings
):
    sync_settings(HISTORY_FIELDS=1, HISTORY_VALUE_LENGTH=5)
    history.sku, history.warehouse, history.quantity = "screws galore", "south", 5
    history.save()
    page = page_of(admin_client)
    assert cells(page, published()[-1].seq)[3] == "quantity 4 changed to 5 and 2 more"
    sync_settings(HISTORY_FIELDS=3, HISTORY_VALUE_LENGTH=5)
    assert "<ins><bdi>scre…</bdi></ins>" in page_of(admin_client)


def test_redacted_values_are_shown_as_that(admin_client, history):
    Stock.objects.update(sku="")
    sync.redact(history, ["sku"], reason="asked to be forgotten")
    page = page_of(admin_client)
    made, redacted = published()[0], published()[-1]
    assert "sku redacted" in cells(page, made.seq)[3]
    assert cells(page, redacted.seq)[1] == "update redacted"
    assert "sku redacted" in cells(page, redacted.seq)[3]
    assert "bolt" not in page


def test_a_secret_is_not_in_the_feed(admin_client):
    Account.objects.create(name="a", password="kept-back-1", api_token="kept-back-2")
    assert "kept-back" not in page_of(admin_client)


def test_what_a_record_holds_is_shown_as_text(admin_client, red):
    Memo.objects.create(team=red, text="<script>alert(1)</script>")
    page = page_of(admin_client)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_feed_knows_what_changed_before_any_hub_has_published(admin_client, history):
    assert SyncLog.objects.pending().exists()
    admin_client.get(LIST)
    assert not SyncLog.objects.pending().exists()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("action=update", 1),
        ("table=testapp_stock", 2),
        ("table=testapp_stock&field=quantity", 1),
        ("table=testapp_memo", 0),
        ("source=command", 3),
        ("audience=everyone", 4),
        ("since=2001-01-01", 4),
        ("since=9998-01-01", 0),
        ("period=1h", 4),
        ("q=ada", 1),
        ("q=grace", 3),
        ("q=r-1", 1),
        ("q=c-1", 1),
        ("q=ad", 0),
        ("q=bolt", 0),
    ],
)
def test_the_feed_is_filtered(admin_client, history, query, count):
    response = admin_client.get(f"{LIST}?{query}")
    assert len(entries_of(response)) == count
    heading = "1 change<" if count == 1 else f"{count} changes<"
    assert heading in response.content.decode()


def test_a_wrong_value_is_told_at_its_field_and_the_rest_still_works(admin_client, history):
    response = admin_client.get(f"{LIST}?transaction=7&actor=grace")
    assert len(entries_of(response)) == 3
    page = response.content.decode()
    field = page[page.index('for="id_transaction"') : page.index('for="id_request"')]
    assert "<details open>" in page
    assert "Enter the whole id of a transaction" in field
    assert 'value="7"' in field


def test_the_form_leads_to_the_one_address_of_what_it_asks_for(admin_client):
    response = admin_client.get(f"{LIST}?q=&client=c-1&action=insert&source=&period=")
    assert (response.status_code, response.url) == (302, f"{LIST}?action=insert&client=c-1")


def test_each_filter_in_use_can_be_taken_away(admin_client, history):
    page = page_of(admin_client, {"table": "testapp_stock", "action": "update"})
    assert f'<a href="{LIST}?action=update" aria-label="Remove the filter Table">' in page
    assert f'<a href="{LIST}?table=testapp_stock" aria-label="Remove the filter Action">' in page


def test_the_filter_of_tables_offers_what_may_be_seen(viewer, history):
    page = page_of(viewer)
    assert '<option value="testapp_stock">' in page
    assert '<option value="testapp_owner">' not in page


def test_only_changes_of_models_that_may_be_seen_are_listed(viewer, history):
    assert {table for table, _ in entries_of(viewer.get(LIST))} == {"testapp_stock"}
    assert entries_of(viewer.get(f"{LIST}?table=testapp_owner")) == []
    assert entries_of(viewer.get(f"{LIST}?actor=grace")) == [("testapp_stock", "update")]
    assert seqs_of(viewer.get(f"{ROWS}?after=0")) == [2, 1]
    together = viewer.get(reverse("admin:sync_synclog_together", args=[1]))
    assert seqs_of(together) == [2, 1]
    assert viewer.get(reverse("admin:sync_synclog_together", args=[3])).status_code == 404


def test_who_may_see_the_history_and_no_record_sees_none(viewer, staff, history):
    staff.user_permissions.set(Permission.objects.filter(codename="view_synclog"))
    for query in ("", "?table=testapp_stock", "?record=1", "?q=ada", "?transaction=" + "0" * 32):
        assert entries_of(viewer.get(LIST + query)) == []


def test_the_feed_is_for_those_with_the_right_to_it(client, staff, history):
    publish()
    together = reverse("admin:sync_synclog_together", args=[1])
    for url in (LIST, f"{ROWS}?after=0", together):
        assert client.get(url).status_code == 403
        client.logout()
        assert client.get(url).status_code == 302
        client.force_login(staff)


def test_the_feed_takes_no_writes(admin_client, history):
    publish()
    for url in (LIST, ROWS, reverse("admin:sync_synclog_together", args=[1])):
        assert admin_client.post(url, {"action": "delete_selected"}).status_code == 405


def test_pages_follow_each_other_in_both_directions(admin_client, sync_settings):
    sync_settings(HISTORY_PAGE=4)
    many(10)
    first = admin_client.get(LIST)
    assert (seqs_of(first), first.context["newer"]) == ([10, 9, 8, 7], "")
    second = admin_client.get(first.context["older"])
    assert seqs_of(second) == [6, 5, 4, 3]
    third = admin_client.get(second.context["older"])
    assert (seqs_of(third), third.context["older"]) == ([2, 1], "")
    back = admin_client.get(third.context["newer"])
    assert seqs_of(back) == [6, 5, 4, 3]
    assert seqs_of(admin_client.get(back.context["older"])) == [2, 1]
    assert seqs_of(admin_client.get(back.context["newer"])) == [10, 9, 8, 7]


def test_pages_keep_the_filters(admin_client, sync_settings):
    sync_settings(HISTORY_PAGE=1)
    many(3)
    older = admin_client.get(f"{LIST}?action=insert&source=").url
    link = admin_client.get(older).context["older"]
    assert parse_qs(urlsplit(link).query) == {"action": ["insert"], "before": ["3"]}


@pytest.mark.parametrize("place", ["before=x", "after=-1", "before=" + "9" * 30, "after=99"])
def test_a_place_that_is_none_shows_the_newest_page(admin_client, history, place):
    assert len(entries_of(admin_client.get(f"{LIST}?{place}"))) == 4


def test_a_search_says_how_far_it_has_come_and_goes_on_from_there(admin_client, sync_settings):
    sync_settings(HISTORY_SEARCH_ROWS=3)
    with sync.context(source="shell"):
        Owner.objects.create(name="long ago")
    many(5)
    first = admin_client.get(f"{LIST}?source=shell")
    assert seqs_of(first) == []
    page = first.content.decode()
    assert "Searched back to" in page
    assert "At least 0 changes" in page
    assert "Nothing found in this part of the log." in page
    second = admin_client.get(first.context["older"])
    assert (seqs_of(second), second.context["older"]) == ([1], "")
    assert "Searched back to" not in second.content.decode()


def test_counting_ends_where_nobody_reads_on(admin_client, sync_settings):
    sync_settings(HISTORY_COUNT_ROWS=4, HISTORY_PAGE=2)
    many(6)
    assert "About 6 changes" in page_of(admin_client)
    assert "4+ changes" in page_of(admin_client, {"table": "testapp_stock"})


def test_millions_are_told_roughly(admin_client, history, monkeypatch):
    publish()
    monkeypatch.setattr("sync.admin.feed.publish", lambda: type("P", (), {"seq": 12_432_100}))
    assert "About 12.4 million changes" in page_of(admin_client)


def test_a_long_list_costs_as_many_statements_as_a_short_one(admin_client, history):
    publish()
    admin_client.get(LIST)
    with Statements() as short:
        admin_client.get(LIST)
    stocks = Stock.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(40))
    for stock in stocks:
        stock.quantity = 7
    Stock.objects.bulk_update(stocks, ["quantity"])
    publish()
    with Statements() as long:
        admin_client.get(LIST)
    assert len(long) <= len(short)


def test_no_page_counts_the_log_or_jumps_over_it(admin_client, history):
    with Statements() as statements:
        for query in ("", "?q=ada", "?source=command", "?before=3"):
            admin_client.get(LIST + query)
    of_log = [sql for sql in statements.sql if "sync_log" in sql and "COUNT(" in sql]
    assert all(re.search(r"COUNT\(\*\) FROM \(SELECT .* LIMIT", sql) for sql in of_log)


def test_the_rows_that_are_new_are_answered_and_where_the_log_ends(admin_client, history):
    end = publish().seq
    response = admin_client.get(f"{ROWS}?after={end - 2}")
    assert seqs_of(response) == [end, end - 1]
    assert response.headers["Hub-Position"] == str(end)
    assert "Hub-More" not in response.headers
    filtered = admin_client.get(f"{ROWS}?after=0&actor=ada")
    assert seqs_of(filtered) == [1]
    assert filtered.headers["Hub-Position"] == str(end)


def test_more_new_rows_than_a_page_are_said_to_be_more(admin_client, sync_settings):
    sync_settings(HISTORY_PAGE=2)
    many(3)
    response = admin_client.get(f"{ROWS}?after=0")
    assert seqs_of(response) == [3, 2]
    assert response.headers["Hub-More"] == "1"


def test_asking_for_rows_when_nothing_is_new_looks_at_no_entry(admin_client, history):
    end = publish().seq
    with Statements() as statements:
        response = admin_client.get(f"{ROWS}?after={end}")
    assert seqs_of(response) == []
    of_log = [sql for sql in statements.sql if re.search(r"\bsync_log\b", sql)]
    assert len(of_log) == 1  # whether something waits to be published


def test_asking_for_rows_needs_a_place(admin_client):
    assert admin_client.get(ROWS).status_code == 404
    assert admin_client.get(f"{ROWS}?after=x").status_code == 404


def test_the_other_changes_of_a_transaction_are_answered_as_rows(admin_client, history):
    other = uuid.uuid4()
    for _ in range(2):
        pending(str(history.pk), other, table="testapp_stock", data={"id": uuid.uuid4().hex})
    end = publish().seq
    response = admin_client.get(reverse("admin:sync_synclog_together", args=[end - 1]))
    assert seqs_of(response) == [end, end - 1]


def test_the_page_knows_how_to_ask_for_what_is_new(admin_client, history):
    page = page_of(admin_client, {"actor": "ada"})
    assert f'data-url="{ROWS}?actor=ada&amp;"' in page
    assert f'data-position="{publish().seq}"' in page


def test_another_app_brings_its_script_and_data(admin_client, history, monkeypatch):
    asked = []

    def provider(request):
        asked.append(request.user.username)
        return Mediation("elsewhere/feed.js", {"socket": '/ws/?a="b"'})

    monkeypatch.setattr(live, "providers", [provider, lambda request: None])
    page = page_of(admin_client)
    assert asked == ["admin"]
    own, others = page.index("sync/feed.js"), page.index("elsewhere/feed.js")
    assert own < others
    assert 'data-socket="/ws/?a=&quot;b&quot;"' in page


def test_nothing_on_the_page_needs_a_script_or_style_of_its_own(admin_client, history):
    page = page_of(admin_client)
    hub = page[page.index('<div class="hub">') : page.index('id="footer"')]
    assert "<script" not in hub
    assert "<style" not in hub
    assert not re.search(r'\s(style|on\w+)="', hub)


def test_the_page_is_shown_in_other_languages(admin_client, history):
    with translation.override("ar"):
        assert admin_client.get(LIST, headers={"accept-language": "ar"}).status_code == 200
