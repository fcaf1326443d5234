"""The form that removes old changes: a look at what would go, then a part of it per request."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Self

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sync.admin.permissions import visible_tables
from sync.admin.prune_form import PruneForm, label_of
from sync.admin.rendering import render
from sync.admin.tools import PRUNE_LOG, may
from sync.admin.traces import trace
from sync.ages import age_of
from sync.conf import conf
from sync.retention import Step, prune

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

LOOK: Final = "look"
REMOVE: Final = "remove"

falling_behind: Final[list[Callable[[int], Iterable[str]]]] = []
"""Asked who starts anew where the horizon moves to a number of the log; each returns the names of
clients. An app that knows clients appends to it."""

NAMED: Final = 20
"""Clients named on the page, at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pass:
    """How far a look, or a removal, has come; carried from page to page, signed."""

    tables: tuple[str, ...] | None
    older_than: str
    is_removal: bool = False
    position: int = 0
    start: int | None = None
    end: int = 0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    horizon: int = 0
    is_done: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def percent(self) -> int:
        """How much of the log was looked through."""
        start = self.start or 0
        size = self.end - start
        return 100 if self.is_done or size <= 0 else 100 * (self.position - start) // size

    def worked(self) -> Self:
        """Go on for as long as one request may, at least one step."""
        began = time.monotonic()
        done, counts = self, Counter(self.counts)
        for step in self._steps():
            counts.update(step.removed)
            done = dataclasses.replace(
                done,
                position=step.position,
                start=step.position - step.passed if done.start is None else done.start,
                end=step.position + step.total - step.passed,
                horizon=max(done.horizon, step.horizon),
            )
            if time.monotonic() - began >= conf().HISTORY_WORK_SECONDS:
                break
        else:
            done = dataclasses.replace(done, is_done=True)
        is_done = done.is_done or done.position >= done.end
        return dataclasses.replace(done, counts=dict(counts), is_done=is_done)

    def _steps(self) -> Iterator[Step]:
        return prune(
            tables=self.tables,
            older_than=age_of(self.older_than) if self.older_than else None,
            dry_run=not self.is_removal,
            after=self.position,
        )

    def removal(self) -> Self:
        """Return the removal of what a look has found, from the start."""
        return type(self)(self.tables, self.older_than, is_removal=True)

    def to_text(self, request: HttpRequest) -> str:
        return signing.dumps(dataclasses.asdict(self), salt=_salt(request))

    @classmethod
    def from_text(cls, text: str, request: HttpRequest) -> Self:
        """Return what a page of this user carried; raises `BadSignature` for anything else."""
        given: dict[str, Any] = signing.loads(text, salt=_salt(request))
        tables = given.pop("tables")
        return cls(tables=None if tables is None else tuple(tables), **given)


@transaction.non_atomic_requests(using=conf().DATABASE)
@require_http_methods(["GET", "POST"])
def prune_log(request: HttpRequest, log_admin: SyncLogAdmin) -> HttpResponse:
    """Show the form, a look at what would go, or how far a removal has come."""
    if not may(request, PRUNE_LOG):
        raise PermissionDenied
    tables = visible_tables(request, log_admin.admin_site)
    if request.method == "GET":
        return _page(request, log_admin, PruneForm(tables, request))
    if "pass" in request.POST:
        return _went_on(request, log_admin, tables)
    form = PruneForm(tables, request, request.POST)
    if not form.is_valid():
        return _page(request, log_admin, form)
    look = Pass(form.chosen_tables, form.cleaned_data["older_than"]).worked()
    return _page(request, log_admin, form, look)


def _went_on(request: HttpRequest, log_admin: SyncLogAdmin, tables: Iterable[str]) -> HttpResponse:
    form = PruneForm(tables, request)
    try:
        found = Pass.from_text(request.POST["pass"], request)
    except signing.BadSignature:
        return _page(request, log_admin, form, problem=_("The page is out of date: look again."))
    if not form.may_prune(found.tables):
        raise PermissionDenied
    form = PruneForm(tables, request, initial=dataclasses.asdict(found))
    wants_removal = request.POST.get("do") == REMOVE
    asked = found.removal() if wants_removal and not found.is_removal else found
    before = asked.total
    worked = asked.worked()
    if worked.is_removal:
        _trace(request, worked, worked.total - before)
    return _page(request, log_admin, form, worked)


def _trace(request: HttpRequest, removal: Pass, count: int) -> None:
    which = "all tables" if removal.tables is None else ", ".join(removal.tables)
    age = removal.older_than or "their retention"
    trace(request, f"Removed {count} old changes of {which}, by the age of {age}")


def _page(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    form: PruneForm,
    found: Pass | None = None,
    problem: str = "",
) -> HttpResponse:
    return render(
        request,
        log_admin,
        "prune",
        title=_("Remove old changes"),
        form=form,
        found=found,
        counts=_counts(found) if found else [],
        text=found.to_text(request) if found else "",
        behind=_behind(found.horizon) if found and found.horizon else [],
        problem=problem,
        look=LOOK,
        remove=REMOVE,
    )


def _counts(found: Pass) -> list[tuple[str, int]]:
    return sorted((label_of(table), count) for table, count in found.counts.items())


def _behind(horizon: int) -> list[str]:
    return [name for ask in falling_behind for name in ask(horizon)][:NAMED]


def _salt(request: HttpRequest) -> str:
    return f"sync.prune:{request.user.pk}"
