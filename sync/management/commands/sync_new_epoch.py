"""`manage.py sync_new_epoch`: make every client start anew, after a backup was restored."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils import timezone
from django.utils.timesince import timesince

from sync.conf import conf
from sync.epochs import start_new_epoch
from sync.locking import head
from sync.models import LogHead


class Command(BaseCommand):
    help = (
        "Give the log a new epoch: every client starts anew, with a snapshot, as soon as it asks"
        " or a running hub notices. To be run right after a backup of the database was restored,"
        " for clients hold changes that it does not have. Removes nothing from the log."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--yes",
            "--no-input",
            "--noinput",
            dest="interactive",
            action="store_false",
            help="do not ask",
        )
        parser.add_argument(
            "--database", choices=tuple(connections), help="alias, default: SYNC['DATABASE']"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"] or conf().DATABASE
        self.stdout.write(self._where_it_ends(using, head(using)))
        if options["interactive"]:
            self._ask()
        began = start_new_epoch(using)
        self.stdout.write(f"The epoch is now {began.epoch}: every client starts anew.")

    def _where_it_ends(self, using: str, log: LogHead) -> str:
        """Say how old the log's end is: after a restore, that is how much was lost."""
        ends = timezone.localtime(log.published_at)
        ago = timesince(log.published_at, timezone.now(), depth=2)
        return (
            f"The log of {using!r}, epoch {log.epoch}, ends at number {log.seq}, published"
            f" {ends:%Y-%m-%d %H:%M:%S %Z}, {ago} ago."
        )

    def _ask(self) -> None:
        self.stdout.write(
            "A new epoch makes every client, also one that is connected now, drop what it holds"
            " and read a snapshot. It removes nothing from the log."
        )
        try:
            answer = input("Start a new epoch? Type 'yes': ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError("Nothing was changed. --yes does not ask.")
