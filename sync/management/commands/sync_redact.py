"""`manage.py sync_redact`: remove values from the whole history of a record."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from sync.conf import conf
from sync.context import MAX_TEXT_LENGTH, context
from sync.errors import NotRegistered, RedactionError
from sync.removal import Removal


class Command(BaseCommand):
    help = (
        "Remove the values of fields from every entry of one record in the log, and make all"
        " clients forget them. The table is left alone: clear the fields there first. Backups,"
        " other logs and clients that never connect again are out of reach."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", metavar="app.Model")
        parser.add_argument(
            "pk", metavar="PK", help='the record; a composite key as the log names it: ["a",1]'
        )
        parser.add_argument("fields", nargs="+", metavar="field")
        parser.add_argument(
            "--reason",
            required=True,
            help=f"why, for the history: without the value, {MAX_TEXT_LENGTH} characters at most",
        )
        parser.add_argument("--actor", default="", help="who asked for it, for the history")
        parser.add_argument(
            "--keep",
            action="store_true",
            help="redact although the table holds values; the next save records them again",
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument("--database", default=None, help="alias, default: SYNC['DATABASE']")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            removal = self._removal(options)
            with context(reason=options["reason"], actor=options["actor"] or None):
                done = self._run(removal, options)
        except (LookupError, NotRegistered, RedactionError) as error:
            raise CommandError(str(error)) from error
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{options['model']} {options['pk']}: {done} entries {would}rewritten")

    def _removal(self, options: dict[str, Any]) -> Removal:
        if options["model"].count(".") != 1:
            raise CommandError(f"{options['model']}: a model must be named as app.Model.")
        return Removal.of(
            (apps.get_model(options["model"]), options["pk"]),
            options["fields"],
            using=options["database"] or conf().DATABASE,
            keep=options["keep"],
        )

    def _run(self, removal: Removal, options: dict[str, Any]) -> int:
        hidden = options["verbosity"] == 0
        work = removal.rehearse if options["dry_run"] else removal.run
        with tqdm(total=removal.size(), unit="entry", disable=hidden or None) as bar:
            return work(bar.update)
