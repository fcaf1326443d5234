"""`manage.py sync_verify`: does the log say what the tables hold?"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from collections import Counter
from typing import Any, Final

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, models
from tqdm import tqdm

from sync import codec
from sync.conf import conf
from sync.differences import ABSENT, AUDIENCE, KINDS, VALUES, Difference
from sync.errors import CaptureError, NotRegistered, RecordBusy
from sync.publishing import publish
from sync.ranges import RANGE_SIZE
from sync.registry import registry
from sync.repairing import repair
from sync.verifying import Verification

LIMIT: Final = 100
"""Differences printed for each model."""

MAX_SHOWN: Final = 60
"""Characters shown of one value."""

LEFT: Final = "left"
REPAIRED: Final = "repaired"
GONE: Final = "gone"
"""Somebody else has recorded the record since."""


class Command(BaseCommand):
    help = (
        "Compare the tables of registered models with the log, and print which records differ:"
        " missing in the log, missing in the table, with different values or for a different"
        " audience. Reads everything once, and only ranges that differ again. Safe while others"
        " write. Exits with 1 where differences are left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("models", nargs="*", metavar="app.Model", help="default: all")
        parser.add_argument("--database", default=None, help="alias, default: SYNC['DATABASE']")
        parser.add_argument(
            "--repair", action="store_true",
            help="record what the tables hold, so that clients are told",
        )  # fmt: skip
        parser.add_argument(
            "--limit", type=_count, default=LIMIT,
            help=f"differences printed for each model ({LIMIT}); all are counted",
        )  # fmt: skip
        parser.add_argument(
            "--range-size", type=_size, default=RANGE_SIZE,
            help=f"records compared as one, about ({RANGE_SIZE})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"] or conf().DATABASE
        if using not in connections:
            raise CommandError(f"There is no database {using!r}: see DATABASES.")
        left = sum(self._verify(model, using, options) for model in self._models(options["models"]))
        if left and options["repair"]:
            raise CommandError(f"{left} of the records that differ are not repaired: run it again.")
        if left:
            raise CommandError(f"{left} records differ. Record what the tables hold by --repair.")

    def _verify(self, model: type[models.Model], using: str, options: dict[str, Any]) -> int:
        """Verify one model and return how many differences are left."""
        verification = Verification(model, using, range_size=options["range_size"])
        label, is_hidden = model._meta.label, None if options["verbosity"] else True
        outcomes: Counter[str] = Counter()
        with tqdm(total=verification.rows, unit="row", desc=label, disable=is_hidden) as bar:
            for difference in verification.differences(bar.update):
                if outcomes.total() < options["limit"]:
                    self._print(f"{label} {told(difference)}")
                outcome = self._outcome(verification, difference, options["repair"])
                outcomes[outcome] += 1
                # What waits for a number is looked through for each record.
                if outcome == REPAIRED and outcomes[REPAIRED] % conf().PUBLISH_BATCH == 0:
                    publish(using)
        if outcomes[REPAIRED]:
            publish(using)
        self.stdout.write(summary(label, verification, outcomes[REPAIRED]))
        return outcomes[LEFT]

    def _outcome(self, verification: Verification, difference: Difference, repairs: bool) -> str:
        if not repairs:
            return LEFT
        try:
            recorded = repair(verification.shape, difference.record_id, verification.using)
        except (RecordBusy, CaptureError) as error:
            self._print(self.style.ERROR(f"not repaired: {error}"))
            return LEFT
        return REPAIRED if recorded else GONE

    def _print(self, text: str) -> None:
        with tqdm.external_write_mode(file=self.stdout):
            self.stdout.write(text)

    def _models(self, labels: list[str]) -> list[type[models.Model]]:
        if not labels:
            return [registration.model for registration in registry]
        try:
            return [registry.get(apps.get_model(label)).model for label in labels]
        except (LookupError, ValueError, NotRegistered) as error:
            raise CommandError(str(error)) from error


def told(difference: Difference) -> str:
    """Return one line on a difference: the log's value -> the table's value."""
    parts = [kind for kind in difference.kinds if kind not in (VALUES, AUDIENCE)]
    if difference.fields:
        pairs = difference.fields.items()
        values = [f"{name} {shown(there)} -> {shown(here)}" for name, (there, here) in pairs]
        parts.append(f"{VALUES}: {', '.join(values)}")
    if difference.audience is not None:
        parts.append(f"{AUDIENCE}: {difference.audience[0]} -> {difference.audience[1]}")
    return f"{difference.record_id}: {'; '.join(parts)}"


def shown(value: Any) -> str:
    """Return a value as JSON, cut where it is long."""
    text = str(value) if value is ABSENT else codec.to_json(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def summary(label: str, verification: Verification, repaired: int) -> str:
    """Return one line on what was compared and found."""
    kinds = verification.kinds
    found = [f"{kinds[kind]} {kind}" for kind in KINDS if kinds[kind]]
    text = (
        f"{label}: {verification.records} records in {verification.ranges} ranges, of which"
        f" {verification.read} read again: {', '.join(found) or 'no differences'}"
    )
    return f"{text}; {repaired} repaired" if repaired else text


def _size(text: str) -> int:
    value = _count(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a range has at least one record")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of records")
    return value
