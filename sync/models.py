"""The log of changes and the head that orders it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync import codec
from sync.errors import AppendOnlyError
from sync.exact_text import ExactCharField
from sync.indexes import PartialIndex
from sync.lookups import LOOKUPS
from sync.source_names import SOURCE_NAMES

MOVED: Final = "moved"
"""The cause of a delete entry for an audience that the record has left."""

ARRIVED: Final = "arrived"
"""The cause of an update entry that gives the record to an audience, where another had it."""

REDACTED: Final = "redacted"
"""The cause of an update entry that makes clients forget values removed from the history."""


_maintaining: ContextVar[bool] = ContextVar("sync_log_maintenance", default=False)


@contextmanager
def log_maintenance() -> Iterator[None]:
    """Permit changing entries inside: for publishing, retention and redaction alone."""
    token = _maintaining.set(True)
    try:
        yield
    finally:
        _maintaining.reset(token)


def _refuse_unless_maintaining(operation: str) -> None:
    if not _maintaining.get():
        raise AppendOnlyError(
            f"The log is append-only, {operation} is refused. Change the record itself:"
            " its change is recorded as a new entry."
        )


def is_newest() -> models.Exists:
    """Return the condition of the entries that are the newest of their record in their audience."""
    return models.Exists(Newest.objects.filter(seq=models.OuterRef("seq")))


class SyncLogQuerySet(models.QuerySet["SyncLog"]):
    """The query set of the log: reads freely, changes nothing outside maintenance."""

    def published(self) -> SyncLogQuerySet:
        """Return the entries that have their place in the order."""
        return self.filter(seq__isnull=False)

    def pending(self) -> SyncLogQuerySet:
        """Return the committed entries that wait for their place in the order."""
        return self.filter(seq__isnull=True)

    def newest(self) -> SyncLogQuerySet:
        """Return the published entries that no later one of their record, in their audience, has
        superseded."""
        return self.filter(is_newest())

    def of_record(self, table: str, record_id: str) -> SyncLogQuerySet:
        """Return every entry of a record, published or not: for each kind there is an index."""
        either = Q(seq__isnull=False) | Q(seq__isnull=True)
        return self.filter(either, table=table, record_id=record_id)

    def update(self, **kwargs: Any) -> int:
        _refuse_unless_maintaining("update()")
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        _refuse_unless_maintaining("delete()")
        return super().delete()

    # Without it the manager gets a `delete()` that empties the log without naming a single entry.
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[SyncLog], *args: Any, **kwargs: Any) -> int:
        _refuse_unless_maintaining("bulk_update()")
        return super().bulk_update(objs, *args, **kwargs)


class SyncLog(models.Model):
    """One change of one record. Written in the transaction of the change, never altered after
    it is published, except by retention and redaction."""

    class Action(models.TextChoices):
        INSERT = "insert", _("insert")
        UPDATE = "update", _("update")
        DELETE = "delete", _("delete")

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField(
        _("position"), null=True, editable=False, help_text=_("Null until published.")
    )
    table = ExactCharField(_("table"), max_length=128)
    record_id = ExactCharField(_("record"), max_length=255)
    action = models.CharField(_("action"), max_length=6, choices=Action)
    data = models.TextField(_("data"), help_text=_("The record as canonical JSON text."))
    changed = models.TextField(  # noqa: DJ001  # null and [] differ: nothing precedes, no change
        _("changed fields"), null=True, help_text=_("JSON list; null where nothing precedes.")
    )
    event = models.CharField(_("event"), max_length=128, blank=True, default="")
    audience = ExactCharField(_("audience"), max_length=255)
    cause = models.CharField(_("cause"), max_length=16, blank=True, default="")
    transaction = models.UUIDField(_("transaction"))
    actor_id = models.CharField(_("actor id"), max_length=255, blank=True, default="")
    actor = models.CharField(_("actor"), max_length=255, blank=True, default="")
    source = models.CharField(_("source"), max_length=16, choices=[*SOURCE_NAMES.items()])
    client_id = ExactCharField(_("client"), max_length=64, blank=True, default="")
    request_id = models.CharField(_("request"), max_length=64, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    codec = models.PositiveSmallIntegerField(_("encoding"), default=codec.VERSION)
    redacted = models.TextField(  # noqa: DJ001  # null: nothing was removed
        _("redacted fields"), null=True, help_text=_("JSON list of fields removed from the data.")
    )
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    published_at = models.DateTimeField(_("published at"), null=True)

    objects = SyncLogQuerySet.as_manager()

    class Meta:
        db_table = "sync_log"
        ordering = ["-id"]
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        permissions = [
            ("export_synclog", "Can export changes"),
            ("prune_synclog", "Can remove old changes"),
            ("redact_synclog", "Can remove values from changes"),
            ("restore_synclog", "Can restore records from the history"),
        ]
        # An entry is in few of them when it is recorded, and in the others once it is published.
        indexes = [
            PartialIndex(fields=["id"], where=Q(seq__isnull=True), name="sync_log_pending"),
            PartialIndex(
                fields=["transaction"], where=Q(seq__isnull=True), name="sync_log_transaction"
            ),
            PartialIndex(
                fields=["seq"], where=Q(seq__isnull=False), unique=True, name="sync_log_seq"
            ),
            PartialIndex(
                fields=["table", "record_id", "seq"],
                where=Q(seq__isnull=False),
                name="sync_log_record",
            ),
            *LOOKUPS,
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.table} {self.record_id}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Entries are made by recording changes, never saved by hand.")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        _refuse_unless_maintaining("delete()")
        return super().delete(*args, **kwargs)

    @property
    def values(self) -> dict[str, Any]:
        """The record's encoded values; empty for an entry that says a record moved away."""
        return dict(codec.from_json(self.data)) if self.data else {}

    @property
    def changed_names(self) -> list[str] | None:
        """The names of the changed fields, or None where nothing precedes this entry."""
        return None if self.changed is None else list(codec.from_json(self.changed))

    @property
    def redacted_names(self) -> list[str]:
        """The names of the fields whose values were removed from this entry."""
        return [] if self.redacted is None else list(codec.from_json(self.redacted))

    @property
    def latest(self) -> bool:
        """Whether no later entry of the record, in this entry's audience, has superseded it; at the
        cost of a query."""
        using = self._state.db
        return self.seq is not None and Newest.objects.using(using).filter(seq=self.seq).exists()

    @property
    def is_unchanged(self) -> bool:
        """Whether this published entry is for the history alone, and was given no event: a save
        that changed nothing, or what a transaction that moved the record had made of it
        meanwhile."""
        return not self.event

    @property
    def is_new_to_audience(self) -> bool:
        """Whether this published update gives its audience a record that it did not have: to
        those who hear it, it is an insert."""
        return self.action == self.Action.UPDATE and (self.cause == ARRIVED or self.changed is None)


class Newest(models.Model):
    """The newest published entry of a record in one audience: what pages and comparisons look for.

    Apart from the log, so that an entry that is superseded is not written anew with all its index
    entries; and narrow, so that looking for those of some audiences passes over the others quickly.
    """

    seq = models.BigIntegerField(primary_key=True)
    entry = models.ForeignKey(
        SyncLog, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False, related_name="+"
    )
    table = ExactCharField(max_length=128)
    record_id = ExactCharField(max_length=255)
    audience = ExactCharField(max_length=255)
    action = models.CharField(max_length=6, choices=SyncLog.Action)

    class Meta:
        db_table = "sync_newest"
        ordering = ["seq"]
        default_permissions = ()
        indexes = [models.Index(fields=["table", "record_id"], name="sync_newest_record")]

    def __str__(self) -> str:
        return f"{self.table} {self.record_id} at {self.seq}"


def new_epoch() -> str:
    """Return a name for a history that no cursor of another history carries."""
    return secrets.token_hex(4)


class LogHead(models.Model):
    """The one row whose lock orders the log: the last position given, and the first kept."""

    SINGLETON: Final = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON)
    epoch = models.CharField(max_length=8, default=new_epoch)
    seq = models.BigIntegerField(default=0)
    horizon = models.BigIntegerField(default=0)
    transaction = models.UUIDField(null=True)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "sync_log_head"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="sync_log_head_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.epoch} at {self.seq}"
