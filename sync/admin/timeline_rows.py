"""The lines of a record's history with all that a page shows of them, in a few queries."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from sync.admin.addresses import feed_url, page_url
from sync.admin.changed_fields import ChangedField, changed_fields
from sync.admin.labels import Label, labels
from sync.admin.merging import Line
from sync.admin.model_fields import field_titles, referred_records
from sync.admin.permissions import model_of
from sync.admin.record_links import name_of_model
from sync.admin.restoring import may_restore
from sync.admin.searching import Search
from sync.admin.spans import age
from sync.admin.subjects import Subject
from sync.conf import conf
from sync.models import ARRIVED, REDACTED, SyncLog
from sync.timeline import Step

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line: a change with what the admin says of it, or either alone."""

    moment: datetime.datetime
    entry: SyncLog | None
    messages: Sequence[LogEntry]
    told: Sequence[str]
    """What the admin's log says."""
    note: str = ""
    """What the action does not say: a move, a redaction, a save that changed nothing."""
    fields: Sequence[ChangedField] = ()
    further: int = 0
    """How many more fields changed than are shown."""
    label: Label | None = None
    """The other record that changed, on a page that shows more than one."""
    kind: str = ""
    url: str = ""
    transaction_url: str = ""
    restore_url: str = ""
    """Empty where its reader may restore nothing from it."""
    who_url: str = ""

    @property
    def age(self) -> str:
        """How long ago it was, in the largest unit."""
        return age(self.moment, timezone.now())

    @property
    def is_own(self) -> bool:
        """Whether the line is a change of the record itself, and so a point to compare."""
        return self.entry is not None and self.label is None


def timeline_rows(
    request: HttpRequest, log_admin: SyncLogAdmin, subject: Subject, lines: Sequence[Line]
) -> list[Row]:
    """Return the rows of a page; everything but a few queries per table is looked up together."""
    steps = [line.step for line in lines if line.step is not None]
    models = {table: model_of(table) for table in {step.entry.table for step in steps}}
    shown = {step.entry.pk: step.changed[: conf().HISTORY_RECORD_FIELDS] for step in steps}
    pairs = [(step.entry.table, step.entry.record_id) for step in steps if _is_other(subject, step)]
    for step in steps:
        pairs += referred_records(models[step.entry.table], shown[step.entry.pk])
    named = labels(log_admin.admin_site, request, pairs)
    rows = []
    for line in lines:
        if line.step is None:
            rows.append(Row(line.moment, None, line.messages, _told(line)))
            continue
        entry, model = line.step.entry, models[line.step.entry.table]
        fields = changed_fields(model, shown[entry.pk], named)
        row = _row(log_admin, subject, line, model, fields, named)
        rows.append(dataclasses.replace(row, restore_url=_restore_url(request, log_admin, entry)))
    return rows


def _row(
    log_admin: SyncLogAdmin,
    subject: Subject,
    line: Line,
    model: type[Model] | None,
    fields: Sequence[ChangedField],
    named: dict[tuple[str, str], Label],
) -> Row:
    assert line.step is not None
    entry = line.step.entry
    return Row(
        line.moment,
        entry,
        line.messages,
        _told(line),
        note=_note(line.step, model),
        fields=fields,
        further=len(line.step.changed) - len(fields),
        label=named[entry.table, entry.record_id] if _is_other(subject, line.step) else None,
        kind=_kind(subject, entry),
        url=page_url(log_admin, "change", entry.pk),
        transaction_url=page_url(log_admin, "transaction", entry.seq),
        who_url=_who_url(log_admin, entry),
    )


def _is_other(subject: Subject, step: Step) -> bool:
    return (step.entry.table, step.entry.record_id) not in subject.parts


def _kind(subject: Subject, entry: SyncLog) -> str:
    """Return what a row is called that is not the record's own: of a child, or of a parent."""
    if entry.table == subject.table and entry.record_id == subject.record_id:
        return ""
    return name_of_model(entry.table)


def _note(step: Step, model: type[Model] | None) -> str:
    entry = step.entry
    if entry.cause == REDACTED:
        removed = get_text_list(field_titles(model, entry.redacted_names), _("and"))
        return _("values removed from the history: %(fields)s") % {"fields": removed}
    if step.left and entry.action == SyncLog.Action.DELETE:
        return _("had left the audience %(left)s") % {"left": step.left}
    if step.left:
        moved = {"left": step.left, "came": entry.audience}
        return _("moved from the audience %(left)s to %(came)s") % moved
    if entry.cause == ARRIVED:
        return _("moved to the audience %(came)s") % {"came": entry.audience}
    if entry.action == SyncLog.Action.UPDATE and not step.changed:
        return _("nothing changed")
    return ""


def _told(line: Line) -> list[str]:
    """Return what the admin says; of a deletion it only says that by the name of the record."""
    return [str(message.get_change_message() or message) for message in line.messages]


def _restore_url(request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog) -> str:
    may = may_restore(request, log_admin, entry)
    return page_url(log_admin, "restore", entry.pk) if may else ""


def _who_url(log_admin: SyncLogAdmin, entry: SyncLog) -> str:
    who = entry.actor_id or entry.actor
    return feed_url(log_admin, Search(actor=who)) if who else ""
