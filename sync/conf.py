"""The settings of the app: the host's `SYNC` dictionary over the defaults below."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

CAPTURES: Final = ("orm", "trigger")

WARN: Final = "warn"
ERROR: Final = "error"
IGNORE: Final = "ignore"
RAW_SQL: Final = (WARN, ERROR, IGNORE)


@dataclasses.dataclass(frozen=True, slots=True)
class Conf:
    """The named limits and switches of `sync`."""

    AUDIENCES: str = ""
    """Dotted path of `audiences_for(user) -> Iterable[str]`; empty: everyone hears everything
    whose audience is the default one."""
    CAPTURE: str = "orm"
    """Who records: `"orm"`, or `"trigger"`, which on PostgreSQL sees what other programs write."""
    DATABASE: str = "default"
    """The database alias whose log is published, read and shown."""
    KEEP_UNCHANGED: bool = False
    """Whether saves that changed nothing stay in the history; `register(keep_unchanged=)` says it
    for one model. They are never fanned out."""
    PAGE_LIMIT: int = 500
    """Changes in one catch-up page, at most."""
    PAGE_BYTES: int = 256 * 1024
    """Bytes of record data in one catch-up page, at most (a single change may be larger)."""
    PUBLISH_BATCH: int = 1000
    """Entries numbered by one publishing transaction, at least one whole transaction."""
    RAW_SQL: str = ""
    """What raw SQL that writes to a registered table meets: `"warn"`, `"error"` or `"ignore"`;
    empty: an error under test, a warning otherwise and in migrations."""
    RETENTION: datetime.timedelta | None = None
    """How long superseded entries and delete entries are kept, where the model's registration does
    not say; None keeps them for ever. Only `sync_prune` removes them."""
    PRUNE_BATCH: int = 5000
    """Entries removed by one transaction of `sync_prune`."""
    HISTORY_EXPORT_ROWS: int | None = 1_000_000
    """Changes in one export from the admin, at most, newest first: what a spreadsheet holds; None
    for all. An export that is cut says so at its end."""
    HISTORY_REDACT_ENTRIES: int = 10_000
    """Entries of one record that are redacted from the admin, at most: they are one transaction,
    during which nothing is published. Longer histories are for `sync_redact`."""
    HISTORY_WORK_SECONDS: float = 5.0
    """How long one request to prune works, in seconds, before it asks whether to go on."""

    def __post_init__(self) -> None:
        if self.CAPTURE not in CAPTURES:
            raise ImproperlyConfigured(
                f"SYNC['CAPTURE'] is {self.CAPTURE!r}. Possible are: {', '.join(CAPTURES)}."
            )
        if self.RAW_SQL not in ("", *RAW_SQL):
            raise ImproperlyConfigured(
                f"SYNC['RAW_SQL'] is {self.RAW_SQL!r}: choose one of {', '.join(RAW_SQL)}, or leave"
                " it out."
            )


@functools.cache
def conf() -> Conf:
    """Return the settings in force; unknown names are an error, so that a typo is not silent."""
    given: dict[str, Any] = getattr(settings, "SYNC", {})
    known = {field.name for field in dataclasses.fields(Conf)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"SYNC has unknown keys: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}."
        )
    return Conf(**given)


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "SYNC":
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sync.conf")
