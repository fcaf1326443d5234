"""`manage.py hub_explain`: why a client did, or did not, get a change."""

from __future__ import annotations

import datetime
import difflib
import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from realtime import explaining_words as words
from realtime.errors import NotToBeExplained, UnknownTable
from realtime.explaining import Explained, Explanation, explain
from realtime.standings import Standing, standings
from realtime.verdict_words import sentence
from sync.conf import conf
from sync.cursor import parse_since
from sync.errors import InvalidSince
from sync.locking import head
from sync.models import SyncLog
from sync.registry import Registration, registry


class Command(BaseCommand):
    help = (
        "Say why a client did, or did not, get the changes of a record: recorded, published, held,"
        " sent, acknowledged. Values of records are not shown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "client", help="a client id, the prefix or name of a device, or a username"
        )
        parser.add_argument("table", help="the database table, or app.Model")
        parser.add_argument("record", help="the record as the log names it")
        parser.add_argument("--entry", type=int, metavar="SEQ", help="one change, by its position")
        parser.add_argument(
            "--since", type=_moment, metavar="TIME", help="changes recorded since, ISO 8601"
        )
        parser.add_argument("--json", action="store_true", help="print facts and verdicts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            clients = standings(options["client"], head(conf().DATABASE).epoch)
            found = explain(
                clients,
                _registration(options["table"]),
                options["record"],
                seq=options["entry"],
                since=options["since"],
            )
        except NotToBeExplained as error:
            nearby = f" There is: {', '.join(error.nearby)}." if error.nearby else ""
            raise CommandError(f"{error}{nearby}") from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found, clients), indent=2, ensure_ascii=False))
        else:
            self._tell(found, clients)

    def _tell(self, found: Explanation, clients: list[Standing]) -> None:
        named = ", ".join(words.name(one) for one in clients)
        self.stdout.write(f"{found.registration.table} {found.record_id} for {named}")
        self._lines(words.about(found))
        if found.has_more:
            self.stdout.write("  Earlier changes are left out: ask for one with --entry.")
        for entry in found.entries:
            self.stdout.write(f"\n{words.heading(entry)}")
            self._lines(words.of_change(entry))
            for one in (one for one in found.explained if one.entry is entry):
                self._client(one, is_named=len(clients) > 1)

    def _client(self, one: Explained, *, is_named: bool) -> None:
        if is_named:
            self.stdout.write(f"  {words.name(one.standing)}")
        self._lines(words.of_client(one))
        self.stdout.write(f"  => {sentence(one)}")

    def _lines(self, lines: list[words.Line]) -> None:
        for about, text in lines:
            self.stdout.write(f"  {about:13} {text}")


def _registration(table: str) -> Registration:
    """Return the registration of a table, or of a model named as app.Model."""
    by_label = {one.model._meta.label_lower: one for one in registry}
    found = registry.find(table) or by_label.get(table.lower())
    if found is not None:
        return found
    known = sorted(one.table for one in registry)
    models = {model._meta.db_table for model in apps.get_models()}
    raise UnknownTable(table, known if table in models else difflib.get_close_matches(table, known))


def _moment(text: str) -> datetime.datetime:
    try:
        return parse_since(text)
    except InvalidSince as error:
        raise ArgumentTypeError(str(error)) from None


def _as_json(found: Explanation, clients: list[Standing]) -> dict[str, Any]:
    return {
        "table": found.registration.table,
        "record": found.record_id,
        "unsyncedFields": found.unsynced,
        "hasMore": found.has_more,
        "clients": [_client(one) for one in clients],
        "changes": [
            _change(entry)
            | {"clients": [_verdict(one) for one in found.explained if one.entry is entry]}
            for entry in found.entries
        ],
    }


def _client(one: Standing) -> dict[str, Any]:
    return {
        "client": one.client_id or None,
        "user": str(one.user),
        "device": None if one.device is None else one.device.prefix,
        "isConnected": one.is_connected,
        "connectedAt": _iso(one.connected_at),
        "seenAt": _iso(one.seen_at),
        "joined": one.joined,
        "handed": one.handed,
        "sent": one.sent,
        "acknowledged": one.acknowledged,
        "tables": one.tables,
        "audiences": one.asked,
    }


def _change(entry: SyncLog) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "action": entry.action,
        "changed": entry.changed_names,
        "event": entry.event or None,
        "audience": entry.audience,
        "cause": entry.cause or None,
        "actor": entry.actor or None,
        "source": entry.source,
        "origin": entry.client_id or None,
        "recordedAt": _iso(entry.recorded_at),
        "publishedAt": _iso(entry.published_at),
    }


def _verdict(one: Explained) -> dict[str, Any]:
    held = [{"gained": right.gained_seq, "lost": right.lost_seq} for right in one.intervals]
    return {
        "client": one.standing.client_id or None,
        "held": held,
        "isGivenNow": one.is_given,
        "newer": one.newer,
        "outcome": one.outcome.value,
        "verdict": sentence(one),
    }


def _iso(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.isoformat()
