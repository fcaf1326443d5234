"""`manage.py sync_prune`: let the log forget what has been superseded or deleted for long."""

from __future__ import annotations

import datetime
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from tqdm import tqdm

from sync.ages import age_of
from sync.conf import conf
from sync.errors import RetentionError
from sync.registry import registry
from sync.retention import Step, prune


class Command(BaseCommand):
    help = (
        "Remove the entries of the log that were superseded, and those that say that a record was"
        " deleted, once they were published longer ago than their retention: that of the model"
        " (sync.register(retention=...)), else SYNC['RETENTION']. The newest entry of each record"
        " that exists always stays. A client that was away since before a removed delete starts"
        " anew when it comes back. Safe while everything runs, and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "models",
            nargs="*",
            metavar="app.Model",
            help="default: all that the log holds, also of models no longer registered",
        )
        parser.add_argument(
            "--older-than",
            metavar="AGE",
            help="such as 90d, 12h, 2w, 30m, 45s: wins over every retention",
        )
        parser.add_argument(
            "--batch",
            type=int,
            metavar="N",
            help="entries removed by one transaction, default: SYNC['PRUNE_BATCH']",
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")
        parser.add_argument(
            "--database", choices=tuple(connections), help="alias, default: SYNC['DATABASE']"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        labels = _labels(options["models"])
        try:
            steps = prune(
                options["database"] or conf().DATABASE,
                tables=labels if options["models"] else None,
                older_than=_age(options["older_than"]),
                batch=options["batch"],
                dry_run=options["dry_run"],
            )
        except (RetentionError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        removed = _followed(steps, hidden=options["verbosity"] == 0)
        done = "would be removed" if options["dry_run"] else "removed"
        for table in [*labels, *sorted(removed.keys() - labels.keys())]:
            self.stdout.write(f"{labels.get(table, table)}: {removed[table]} {done}")


def _followed(steps: Iterable[Step], *, hidden: bool) -> Counter[str]:
    removed: Counter[str] = Counter()
    with tqdm(unit="number", desc="sync_log", disable=hidden or None) as bar:
        for step in steps:
            removed.update(step.removed)
            bar.total = step.total
            bar.update(step.passed - bar.n)
    return removed


def _labels(given: list[str]) -> dict[str, str]:
    """Return the names of the models by table: of the given ones, else of the registered ones."""
    try:
        models = [apps.get_model(label) for label in given]
    except (LookupError, ValueError) as error:
        raise CommandError(str(error)) from error
    if not given:
        models = [registration.model for registration in registry]
    return {model._meta.db_table: model._meta.label for model in models}


def _age(text: str | None) -> datetime.timedelta | None:
    try:
        return None if text is None else age_of(text)
    except RetentionError as error:
        raise CommandError(f"--older-than {error}") from error
