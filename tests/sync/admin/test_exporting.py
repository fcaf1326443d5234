"""An export holds what the feed shows, whole or visibly not, however long the history is."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.urls import reverse

import sync
from sync import codec
from sync.admin import export_reading, exporting
from sync.admin.export_formats import BOM, COLUMNS
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.admin.people import staff
from tests.sync.observing import Statements
from tests.testapp.models import Memo, Owner, Stock

pytestmark = pytest.mark.django_db

EXPORT = reverse("admin:sync_synclog_export")
RIGHTS = ("sync.view_synclog", "sync.export_synclog")


@pytest.fixture
def history():
    """Make a record, change it, and make and delete another."""
    with sync.context(actor="ada", request_id="r-1", client_id="c-1", reason="stocktaking"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="command"):
        stock.quantity = 4
        stock.save()
        Owner.objects.create(name="Alan").delete()
    return stock


def body(client, **query):
    response = client.get(EXPORT, query)
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def ndjson(client, **query):
    """Return the changes of an export and its last line."""
    *changes, tail = map(json.loads, body(client, format="ndjson", **query).splitlines())
    return changes, tail


def csv_rows(client, **query):
    """Return the changes of an export by column, and its last row."""
    text = body(client, format="csv", **query)
    assert text.startswith(BOM)
    header, *rows, tail = csv.reader(io.StringIO(text.removeprefix(BOM), newline=""), strict=True)
    assert tuple(header) == COLUMNS
    return [dict(zip(header, row, strict=True)) for row in rows], tail


def test_programs_get_each_change_with_its_values_newest_first(admin_client, history):
    changes, tail = ndjson(admin_client)
    assert [(one["table"], one["action"]) for one in changes] == [
        ("testapp_owner", "delete"), ("testapp_owner", "insert"),
        ("testapp_stock", "update"), ("testapp_stock", "insert"),
    ]  # fmt: skip
    assert tail == {"end": True, "outcome": "end", "count": 4}
    update, insert = changes[2:]
    assert update["data"] == {
        "id": history.pk, "sku": "bolt", "warehouse": "north", "quantity": 4,
    }  # fmt: skip
    assert update["changed"] == ["quantity"]
    assert update["changes"] == {"quantity": {"before": 3, "after": 4}}
    assert insert["changes"] is insert["changed"] is None
    assert tuple(update) == COLUMNS


def test_who_when_why_and_where_are_told(admin_client, history):
    [insert] = ndjson(admin_client, actor="ada")[0]
    entry = SyncLog.objects.get(actor="ada")
    expected = {
        "position": entry.seq,
        "published_at": codec.encode_value(entry.published_at),
        "recorded_at": codec.encode_value(entry.recorded_at),
        "record_id": str(history.pk),
        "actor": "ada",
        "actor_id": "",
        "source": entry.source,
        "client_id": "c-1",
        "request_id": "r-1",
        "reason": "stocktaking",
        "transaction": str(entry.transaction),
        "audience": "everyone",
        "event": "stock.created",
        "cause": "",
    }
    assert {name: insert[name] for name in expected} == expected
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", insert["recorded_at"])


def test_people_get_a_table_that_says_the_same(admin_client, history):
    rows, tail = csv_rows(admin_client)
    changes, _ = ndjson(admin_client)
    assert tail[:2] == ["end", "4"]
    assert [int(row["position"]) for row in rows] == [one["position"] for one in changes]
    update = rows[2]
    assert update["changed"] == "quantity"
    assert json.loads(update["changes"]) == {"quantity": {"before": 3, "after": 4}}
    assert json.loads(update["data"])["quantity"] == 4
    assert (rows[3]["changes"], rows[3]["reason"]) == ("", "stocktaking")


def test_lines_end_and_cells_are_quoted_as_rfc_4180_says(admin_client):
    with sync.context(reason='a "b", c\nd'):
        Owner.objects.create(name="x")
    response = admin_client.get(EXPORT, {"format": "csv"})
    content = b"".join(response.streaming_content)
    assert response["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert content.endswith(b"\r\n") and b'"a ""b"", c\nd"' in content
    [row], _ = csv_rows(admin_client)
    assert row["reason"] == 'a "b", c\nd'


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_is_a_formula(admin_client, first):
    formula = f"{first}cmd|'/c calc'!A1"
    with sync.context(reason=formula, actor=formula):
        Owner.objects.create(name=formula)
    [row], _ = csv_rows(admin_client)
    assert (row["reason"], row["actor"]) == (f"'{formula}", f"'{formula}")
    assert json.loads(row["data"])["name"] == formula
    [change], _ = ndjson(admin_client)
    assert change["reason"] == formula, "programs get the text itself"


def test_texts_of_all_scripts_come_through(admin_client):
    name = "Ωmega – 変更 – تغيير – 😀 \u2028"
    with sync.context(reason=name):
        Owner.objects.create(name=name)
    assert csv_rows(admin_client)[0][0]["reason"] == name
    lines = body(admin_client, format="ndjson").split("\n")
    assert json.loads(lines[0])["data"]["name"] == name


@pytest.mark.parametrize(
    ("query", "count"),
    [({"table": "testapp_stock"}, 2), ({"action": "delete"}, 1), ({"actor": "grace"}, 3), ({}, 4)],
)
def test_the_filter_of_the_feed_counts(admin_client, history, query, count):
    changes, tail = ndjson(admin_client, **query)
    assert (len(changes), tail["count"]) == (count, count)


@pytest.mark.parametrize("query", [{"format": "csv", "since": "yesterday"}, {}, {"format": "xls"}])
def test_what_is_asked_for_wrongly_is_told_on_the_feed_and_exports_nothing(
    admin_client, history, query
):
    response = admin_client.get(EXPORT, query, follow=True)
    assert response.redirect_chain[0][0].startswith(reverse("admin:sync_synclog_changelist"))
    assert "Nothing was exported" in response.content.decode()
    assert not LogEntry.objects.exists()


def test_the_file_is_named_after_the_moment_and_the_filter(admin_client, history):
    response = admin_client.get(EXPORT, {"format": "csv", "table": "testapp_stock"})
    named = r'attachment; filename="changes-\d{4}-\d\d-\d\d-\d{6}-table-testapp_stock\.csv"'
    assert re.fullmatch(named, response["Content-Disposition"])
    hostile = admin_client.get(EXPORT, {"format": "ndjson", "actor": '"; x=/../é\r\n' + "y" * 200})
    named = r'attachment; filename="changes-[\w-]{,100}\.ndjson"'
    assert re.fullmatch(named, hostile["Content-Disposition"])


def test_what_waits_for_its_number_is_published_before(admin_client, history):
    assert SyncLog.objects.pending().exists()
    assert len(ndjson(admin_client)[0]) == 4


def test_an_export_is_in_the_log_of_the_admin(admin_client, admin_user, history):
    body(admin_client, format="csv", table="testapp_stock", action="update")
    entry = LogEntry.objects.get()
    assert entry.user == admin_user
    assert entry.get_change_message() == "Exported as csv: table=testapp_stock&action=update"


@pytest.mark.parametrize("rights", [(), RIGHTS[:1], RIGHTS[1:]])
def test_it_needs_a_right_of_its_own_beside_that_to_see_the_history(client, history, rights):
    client.force_login(staff(*rights))
    assert client.get(EXPORT, {"format": "csv"}).status_code == 403
    assert not LogEntry.objects.exists()


def test_who_is_not_logged_in_is_sent_to_the_login(client):
    response = client.get(EXPORT, {"format": "csv"})
    assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/")


def test_only_tables_that_somebody_may_see_are_exported(client, history):
    client.force_login(staff(*RIGHTS, "testapp.view_owner"))
    changes, _ = ndjson(client)
    assert {one["table"] for one in changes} == {"testapp_owner"}
    assert ndjson(client, record=str(history.pk), action="update")[0] == []


def test_what_was_redacted_is_marked_and_nowhere_to_be_found(admin_client, history):
    Stock.objects.update(sku="")
    publish()
    sync.redact(history, ["sku"], reason="asked to be forgotten")
    changes, _ = ndjson(admin_client, table="testapp_stock")
    told, cleared, _, insert = changes
    assert (insert["data"]["sku"], insert["redacted"]) == (None, ["sku"])
    assert cleared["changes"]["sku"] == {
        "before": None, "after": None, "redacted": ["before", "after"],
    }  # fmt: skip
    assert (told["cause"], told["redacted"]) == ("redacted", ["sku"])
    rows, _ = csv_rows(admin_client, table="testapp_stock")
    assert {row["redacted"] for row in rows} == {"sku"}
    assert "bolt" not in json.dumps(changes) + json.dumps(rows)


def test_what_never_enters_the_history_is_marked_too(admin_client, register):
    register(Stock, redact=["sku"])
    Stock.objects.create(sku="bolt", warehouse="n")
    [change], _ = ndjson(admin_client, table="testapp_stock")
    assert (change["data"]["sku"], change["redacted"]) == (None, ["sku"])


def test_where_the_entry_before_is_gone_the_old_value_is_not_told(admin_client, history):
    publish()
    with log_maintenance():
        SyncLog.objects.filter(table="testapp_stock", action="insert").delete()
    [update], _ = ndjson(admin_client, table="testapp_stock")
    assert update["changes"] == {"quantity": {"after": 4}}


def test_a_record_that_moved_away_has_no_values_in_its_last_change(admin_client, red, blue):
    memo = Memo.objects.create(team=red, text="a")
    publish()
    memo.team = blue
    memo.save()
    arrived, moved, _ = ndjson(admin_client, table="testapp_memo")[0]
    assert (moved["cause"], moved["audience"]) == ("moved", f"team:{red.pk}")
    assert arrived["changes"] == {"team_id": {"before": red.pk, "after": blue.pk}}


@pytest.fixture
def long_history(monkeypatch):
    """A hundred changes, of which a chunk holds ten and a window thirty."""
    monkeypatch.setattr(export_reading, "CHUNK_ROWS", 10)
    monkeypatch.setattr(export_reading, "WINDOW", 30)
    owners = Owner.objects.bulk_create(Owner(name=f"{n}") for n in range(50))
    Owner.objects.update(name="changed")
    publish()
    return owners


def test_a_long_history_is_read_by_chunks_and_nothing_is_left_out(admin_client, long_history):
    with Statements() as statements:
        changes, tail = ndjson(admin_client)
    positions = [one["position"] for one in changes]
    assert positions == sorted(SyncLog.objects.values_list("seq", flat=True), reverse=True)
    assert tail["count"] == 100
    log = connection.ops.quote_name("sync_log")
    reads = [sql for sql in statements.sql if f"ORDER BY {log}" in sql and "LIMIT 10" in sql]
    assert len(reads) in range(10, 20)
    assert changes[0]["changes"] == {"name": {"before": "49", "after": "changed"}}


def test_a_filter_that_matches_hardly_anything_is_read_in_bounded_windows(
    admin_client, long_history
):
    with Statements() as statements:
        [found], _ = ndjson(admin_client, record=str(long_history[0].pk), action="insert")
    assert found["position"] == 1
    assert sum("LIMIT 10" in sql for sql in statements.sql) == 4


def test_after_large_records_fewer_are_read_at_once(admin_client, long_history, monkeypatch):
    monkeypatch.setattr(export_reading, "CHUNK_BYTES", 1)
    with Statements() as statements:
        _, tail = ndjson(admin_client)
    assert tail["count"] == 100
    assert sum("LIMIT 10" in sql for sql in statements.sql) == 1
    assert sum(sql.endswith("LIMIT 1") for sql in statements.sql) > 90


def test_what_happens_meanwhile_is_left_for_the_next_export(admin_client, long_history):
    response = admin_client.get(EXPORT, {"format": "ndjson"})
    parts = iter(response.streaming_content)
    first = next(parts)
    Owner.objects.create(name="later")
    publish()
    lines = (first + b"".join(parts)).decode().splitlines()
    assert json.loads(lines[-1])["count"] == len(lines) - 1 == 100


def test_a_client_that_stops_reading_stops_the_reading_of_the_log(admin_client, long_history):
    response = admin_client.get(EXPORT, {"format": "ndjson"})
    next(iter(response.streaming_content))
    with Statements() as statements:
        response.close()
    assert len(statements) == 0
    assert list(response.streaming_content) == []


@pytest.mark.parametrize("limit", [0, 7, 10, 99])
def test_an_export_beyond_the_bound_says_that_it_was_cut(
    admin_client, long_history, sync_settings, limit
):
    sync_settings(HISTORY_EXPORT_ROWS=limit)
    changes, tail = ndjson(admin_client)
    assert tail == {"end": False, "outcome": "cut", "count": limit}
    assert len(changes) == limit
    rows, last = csv_rows(admin_client)
    assert (len(rows), last[:2]) == (limit, ["cut", str(limit)])


@pytest.mark.parametrize("limit", [100, None])
def test_an_export_within_the_bound_is_whole(admin_client, long_history, sync_settings, limit):
    sync_settings(HISTORY_EXPORT_ROWS=limit)
    assert ndjson(admin_client)[1] == {"end": True, "outcome": "end", "count": 100}


def test_an_export_that_fails_half_way_says_so_and_breaks_off(
    admin_client, long_history, monkeypatch
):
    work = [export_reading.values_before] * 2
    monkeypatch.setattr(exporting, "values_before", lambda chunk: work.pop()(chunk))
    response = admin_client.get(EXPORT, {"format": "ndjson"})
    lines = []
    with pytest.raises(IndexError):
        for part in response.streaming_content:
            lines += part.decode().splitlines()
    assert json.loads(lines[-1]) == {"end": False, "outcome": "failed", "count": 20}


def test_an_async_server_streams_too(long_history, admin_user):
    async def export():
        client = AsyncClient()
        await client.aforce_login(admin_user)
        response = await client.get(EXPORT, {"format": "ndjson"})
        assert isinstance(response, StreamingHttpResponse) and response.is_async
        return [part.decode() async for part in response]

    parts = async_to_sync(export)()
    lines = "".join(parts).splitlines()
    assert json.loads(lines[-1]) == {"end": True, "outcome": "end", "count": 100}
    assert len(parts) > 10


def test_a_client_of_an_async_server_that_goes_stops_the_reading(long_history, admin_user):
    async def export():
        client = AsyncClient()
        await client.aforce_login(admin_user)
        response = await client.get(EXPORT, {"format": "ndjson"})
        parts = aiter(response)
        first = await anext(parts)
        await parts.aclose()
        return first

    with Statements() as statements:
        assert json.loads(async_to_sync(export)().splitlines()[0])["table"] == "testapp_owner"
    assert sum("LIMIT 10" in sql for sql in statements.sql) == 1


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_the_client_takes_its_time(admin_client, monkeypatch):
    monkeypatch.setattr(export_reading, "CHUNK_ROWS", 2)
    Owner.objects.bulk_create(Owner(name=f"{n}") for n in range(6))
    response = admin_client.get(EXPORT, {"format": "ndjson"})
    held = [connection.connection is not None for _ in response.streaming_content]
    assert held[:-1] == [False] * (len(held) - 1) and len(held) > 3
