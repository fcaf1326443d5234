"""`manage.py sync_backfill`: record what existed before its model was registered."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models
from tqdm import tqdm

from sync.backfilling import backfill
from sync.conf import conf
from sync.errors import NotRegistered
from sync.registry import registry


class Command(BaseCommand):
    help = (
        "Record the existing rows of registered models that the log does not know yet, so that"
        " clients can read them. Safe to run again, and while the hub runs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("models", nargs="*", metavar="app.Model", help="default: all")
        parser.add_argument("--database", default=None, help="alias, default: SYNC['DATABASE']")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"] or conf().DATABASE
        for model in self._models(options["models"]):
            recorded = self._backfill(model, using, hidden=options["verbosity"] == 0)
            self.stdout.write(f"{model._meta.label}: {recorded} recorded")

    def _backfill(self, model: type[models.Model], using: str, *, hidden: bool) -> int:
        total = models.QuerySet(model, using=using).count()
        recorded = 0
        bar = tqdm(total=total, unit="row", desc=model._meta.label, disable=hidden or None)
        with bar:
            for read, new in backfill(model, using):
                recorded += new
                bar.update(read)
        return recorded

    def _models(self, labels: list[str]) -> list[type[models.Model]]:
        if not labels:
            return [registration.model for registration in registry]
        try:
            return [registry.get(apps.get_model(label)).model for label in labels]
        except (LookupError, ValueError, NotRegistered) as error:
            raise CommandError(str(error)) from error
