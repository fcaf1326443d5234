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
    HISTORY_PAGE: int = 50
    """Changes on a page of the history in the admin."""
    HISTORY_FIELDS: int = 3
    """Changed fields that a change shows in a list, of any number."""
    HISTORY_VALUE_LENGTH: int = 60
    """Characters of a value that a list shows; the rest is on the page of the change."""
    HISTORY_CHILDREN: int = 100
    """Records that the history of another record shows beside it, at most."""
    HISTORY_CHILDREN_WINDOW: int = 10_000
    """Newest entries of other tables looked through for records that pointed at one and do no
    more."""
    HISTORY_RECORD_FIELDS: int = 12
    """Changed fields that one line of a record's history shows."""
    HISTORY_STATE_LENGTH: int = 2000
    """Characters of a value that the state of a record shows, whose title has the rest, and a
    restore."""
    HISTORY_SEARCH_ROWS: int = 20_000
    """Entries that one page of a search looks at, at most: it then says how far it has come."""
    HISTORY_COUNT_ROWS: int = 10_000
    """Up to which number the changes that a search finds are counted."""
    HISTORY_SAMPLE_ROWS: int = 1000
    """Entries that the times of many changes are estimated from."""
    HISTORY_EXACT_ROWS: int = 5000
    """Up to which number of entries their times are counted, and not estimated."""
    HISTORY_POLL_SECONDS: float = 2.0
    """How often an open list of changes asks for new ones, where nothing tells it of them."""
    JSON_PLACES: int = 200
    """Places of one JSON value that changed, as far as a page of the history tells them."""
    LABEL_LENGTH: int = 80
    """Characters of a record's name that a page of the history shows; the rest is in its title."""
    KEEP_UNCHANGED: bool = False
    """Whether saves that changed nothing stay in the history; `register(keep_unchanged=)` says it
    for one model. They are never fanned out."""
    PAGE_LIMIT: int = 500
    """Changes in one catch-up page, at most."""
    PAGE_BYTES: int = 256 * 1024
    """Bytes of record data in one catch-up page, at most (a single change may be larger)."""
    PASSED_CLIENTS: int = 50
    """Clients that the page of an entry names of those that have passed it, or not."""
    PUBLISH_BATCH: int = 1000
    """Entries numbered by one publishing transaction, at least one whole transaction."""
    TEXT_LENGTH: int = 100_000
    """Characters in a row that a page of the history shows of a value; the log has all of it."""
    TRANSACTION_PAGE: int = 50
    """Changes on one page of a transaction."""
    NEIGHBOURS: int = 200
    """Entries looked at on each side of one for the nearest that somebody may see."""
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
    HISTORY_UNDO_ROWS: int = 1000
    """Changes of one transaction that the admin undoes together, and records it restores at once,
    at most."""
    HISTORY_RESTORE_DEPTH: int = 20
    """Steps from a restored record to what it depends on, and on from there, at most."""

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
