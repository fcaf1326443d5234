"""The users, teams and records of a proof, and the transactions that it commits to them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from realtime.devices import create_device, revoke_device
from realtime.refreshing import refresh
from sync.models import SyncLog
from sync.registry import EVERYONE
from tests.proof.oracle import Commit, Oracle
from tests.proof.rights_ledger import Change, Moment
from tests.support.late import RolledBack
from tests.testapp.models import Everything, Memo, Owner, Team

COUNTER: Final = Owner.FALLBACK
MEMOS, COUNTERS = Memo._meta.db_table, Owner._meta.db_table


@dataclasses.dataclass(slots=True)
class Pass:
    """A credential and its token."""

    credential: str
    token: str


class World:
    """Everything that a proof is about, and the only door through which it is changed."""

    def __init__(self, oracle: Oracle, users: int, teams: int) -> None:
        self.oracle = oracle
        self._values = itertools.count(1)
        self._harvested = 0
        self.groups: dict[str, int] = {}
        self.teams: dict[str, int] = {}
        self.users: list[Any] = []
        with self.transaction():
            self._found(users, teams)

    def _found(self, users: int, teams: int) -> None:
        Owner.objects.create(pk=COUNTER, name="0")
        for number in range(teams):
            team = Team.objects.create(name=f"proof {number}")
            self.teams[f"team:{team.pk}"] = team.pk
        for name in (*self.teams, EVERYONE):
            self.groups[name] = Group.objects.get_or_create(name=name)[0].pk
        for number in range(users):
            self.users.append(get_user_model().objects.create(username=f"proof {number}"))
        self.note = Everything.objects.create().pk

    def value(self) -> str:
        """Return a text that is written once and nowhere else."""
        return f"value-{next(self._values)}-"

    @contextlib.contextmanager
    def transaction(self, *, commits: bool = True) -> Iterator[Transaction]:
        """Do something in one transaction, which is told to the oracle once it is committed."""
        done = Transaction()
        with contextlib.suppress(RolledBack), transaction.atomic():
            yield done
            done.announce()
            place = _counted()
            before = time.monotonic()
            if not commits:
                raise RolledBack
        if commits:
            moment = Moment(place, before, time.monotonic())
            self.oracle.committed(
                Commit(moment, frozenset(done.visible), tuple(done.changes_of_rights()))
            )

    def admit(self, user: Any) -> Pass:
        """Make a credential of a user."""
        with self.transaction() as done:
            _lock(user)
            device, token = create_device(user, "proof")
            done.rights.append(Change(str(user.pk), made=str(device.pk)))
        return Pass(str(device.pk), token)

    def may_hear_something(self, user: Any) -> bool:
        """Tell whether a credential of a user would be good for anything now."""
        active = get_user_model().objects.filter(pk=user.pk, is_active=True)
        return bool(active.filter(groups__isnull=False).exists())

    def harvest(self) -> None:
        """Tell the oracle which transaction has which place, as far as the log is numbered."""
        entries = SyncLog.objects.published().filter(table=COUNTERS, record_id=str(COUNTER))
        places = []
        for pk, name, data in entries.filter(pk__gt=self._harvested).values_list(
            "pk", "transaction", "data"
        ):
            self._harvested = max(self._harvested, pk)
            places.append((str(name), int(_name(data))))
        self.oracle.numbered(places)


class Transaction:
    """What is done in one transaction, and what it makes visible."""

    def __init__(self) -> None:
        self.visible: set[tuple[str, str]] = set()
        self.rights: list[Change] = []
        self.announced: set[str] = set()

    def shows(self, memos: QuerySet[Memo]) -> None:
        """Note what records hold that this transaction has just written, and so holds locked."""
        for team, text in memos.values_list("team_id", "text"):
            self.visible.add((text, f"team:{team}"))

    def joins(self, user: Any, groups: dict[str, int], names: Collection[str]) -> None:
        """Have a user join audiences."""
        _lock(user)
        user.groups.add(*(groups[name] for name in names))
        self.rights.append(Change(str(user.pk), joined=frozenset(names)))

    def leaves(self, user: Any, groups: dict[str, int], names: Collection[str]) -> None:
        """Have a user leave audiences."""
        _lock(user)
        user.groups.remove(*(groups[name] for name in names))
        self.rights.append(Change(str(user.pk), left=frozenset(names)))

    def activates(self, user: Any, active: bool) -> None:
        """Let a user in, or not any more."""
        _lock(user)
        get_user_model().objects.filter(pk=user.pk).update(is_active=active)
        self.rights.append(Change(str(user.pk), active=active))

    def revokes(self, user: Any, credential: str) -> None:
        """Make a credential useless."""
        _lock(user)
        revoke_device(user.hub_devices.get(pk=credential))
        self.rights.append(Change(str(user.pk), revoked=credential))

    def announce(self) -> None:
        """Say that rights have changed, in the transaction that changes them."""
        if self.announced:
            refresh(*sorted(self.announced))

    def changes_of_rights(self) -> list[Change]:
        """Return what was changed, each as announced as its user."""
        return [
            dataclasses.replace(change, is_announced=change.user in self.announced)
            for change in self.rights
        ]


def _lock(user: Any) -> None:
    """Let nobody else change this user's rights before the commit, so that the order of the commits
    is that of the changes."""
    get_user_model().objects.select_for_update().get(pk=user.pk)


def _counted() -> int:
    """Count up and return the number; the row is this transaction's until it ends."""
    counter = Owner.objects.select_for_update().get(pk=COUNTER)
    counter.name = str(int(counter.name) + 1)
    counter.save(update_fields=["name"])
    return int(counter.name)


def _name(data: str) -> str:
    return str(json.loads(data)["name"])
