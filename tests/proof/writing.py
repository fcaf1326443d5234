"""What the writers of a proof do: they write, move and delete records, and give and take rights."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from django.db import OperationalError

from sync.registry import EVERYONE
from tests.proof.world import Transaction, World
from tests.testapp.models import Everything, Memo

Step = Callable[[Transaction], None]

PADDING: Final = "x" * 6000
ANNOUNCED: Final = 0.7
ROLLED_BACK: Final = 0.05
LINGERS: Final = 0.1
LINGER_SECONDS: Final = 0.03


class Writer:
    """One thread's writes; two with the same seed choose the same."""

    def __init__(self, world: World, seed: str) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._chance = random.Random(seed)
        self._teams = list(world.teams)
        self._lost = self._teams[0]
        self._choices: dict[Step, int] = {
            self._insert: 5,
            self._save: 5,
            self._update: 4,
            self._bulk_update: 3,
            self._bulk_create: 2,
            self._move: 6,
            self._move_all: 2,
            self._delete: 4,
            self._note: 2,
            self._join: 7,
            self._leave: 6,
            self._swap: 4,
            self._leave_everything: 1,
            self._deactivate: 1,
            self._activate: 2,
            self._revoke: 1,
            self._move_and_leave: 2,
        }

    def step(self) -> None:
        """Do one transaction; what follows a loss at once is the likeliest to leak."""
        steps, weights = list(self._choices), list(self._choices.values())
        [chosen] = self._chance.choices(steps, weights)
        self._do(chosen)
        if chosen in (self._leave, self._swap, self._move_and_leave, self._deactivate):
            lost = self._lost
            self._do(lambda done: self._create(done, lost, 1))

    def write_everywhere(self) -> None:
        """Write to every team once, so that everybody is told something, or is not."""
        for team in self._teams:
            self._do(lambda done, team=team: self._create(done, team, 1))

    def lose_quietly(self) -> None:
        """Take an audience from every other user, and tell nobody."""
        for user in self._world.users[:: self._chance.choice((1, 2))]:
            with self._world.transaction() as done:
                done.leaves(user, self._world.groups, {self._team()})

    def _do(self, chosen: Step) -> None:
        commits = self._chance.random() >= ROLLED_BACK
        name = getattr(chosen, "__name__", "")
        try:
            with self._world.transaction(commits=commits) as done:
                chosen(done)
                if self._chance.random() < LINGERS:
                    time.sleep(LINGER_SECONDS)  # so that others commit meanwhile
        except OperationalError as error:
            # Two that write the same records in another order; the database has ended one of them.
            if "deadlock" not in str(error):
                raise
            self.counts["deadlocks"] += 1
        else:
            self.counts["committed" if commits else "rolled back"] += 1
            self.counts[name.strip("_")] += commits

    def _team(self) -> str:
        return self._chance.choice(self._teams)

    def _user(self, done: Transaction) -> Any:
        """Choose a user whose rights change, and whether that is announced."""
        user = self._chance.choice(self._world.users)
        if self._chance.random() < ANNOUNCED:
            done.announced.add(str(user.pk))
        return user

    def _memos(self, most: int) -> list[int]:
        """Choose some records that exist, in the order in which all writers lock them."""
        known = list(Memo.objects.order_by().values_list("pk", flat=True))
        return sorted(self._chance.sample(sorted(known), min(most, len(known))))

    def _create(self, done: Transaction, team: str, count: int) -> None:
        number = self._world.teams[team]
        values = [self._world.value() for _ in range(count)]
        memos = [Memo(team_id=number, text=value) for value in values]
        if count == 1:
            memos[0].save()
        else:
            Memo.objects.bulk_create(memos)
        done.visible |= {(value, team) for value in values}

    def _insert(self, done: Transaction) -> None:
        self._create(done, self._team(), 1)

    def _bulk_create(self, done: Transaction) -> None:
        self._create(done, self._team(), self._chance.randint(2, 8))

    def _save(self, done: Transaction) -> None:
        for memo in self._locked(1):
            memo.text = self._world.value()
            memo.save()
            done.visible.add((memo.text, f"team:{memo.team_id}"))

    def _update(self, done: Transaction) -> None:
        team = self._team()
        value = self._world.value()
        chosen = Memo.objects.filter(pk__in=self._memos(6), team=self._world.teams[team])
        chosen.update(text=value)
        done.visible.add((value, team))

    def _bulk_update(self, done: Transaction) -> None:
        memos = self._locked(5)
        for memo in memos:
            memo.text = self._world.value()
            if self._chance.random() < 0.3:
                memo.team_id = self._world.teams[self._team()]
        Memo.objects.bulk_update(memos, ["text", "team"])
        done.visible |= {(memo.text, f"team:{memo.team_id}") for memo in memos}

    def _move(self, done: Transaction) -> None:
        for memo in self._locked(1):
            memo.team_id = self._world.teams[self._team()]
            if self._chance.random() < 0.5:
                memo.text = self._world.value()
            memo.save()
            done.visible.add((memo.text, f"team:{memo.team_id}"))

    def _move_all(self, done: Transaction) -> None:
        chosen = Memo.objects.filter(pk__in=self._memos(8))
        chosen.update(team=self._world.teams[self._team()])
        done.shows(chosen)

    def _delete(self, done: Transaction) -> None:
        if Memo.objects.count() > 20:
            Memo.objects.filter(pk__in=self._memos(2)).delete()

    def _note(self, done: Transaction) -> None:
        value = self._world.value()
        Everything.objects.filter(pk=self._world.note).update(text=value + PADDING)
        done.visible.add((value, EVERYONE))

    def _locked(self, most: int) -> list[Memo]:
        chosen = Memo.objects.select_for_update().filter(pk__in=self._memos(most))
        return list(chosen.order_by("pk"))

    def _join(self, done: Transaction) -> None:
        names = {self._team()}
        if self._chance.random() < 0.3:
            names.add(EVERYONE)
        done.joins(self._user(done), self._world.groups, names)

    def _leave(self, done: Transaction) -> None:
        self._lost = self._team()
        done.leaves(self._user(done), self._world.groups, {self._lost})

    def _swap(self, done: Transaction) -> None:
        user, old = self._user(done), self._team()
        self._lost = old
        new = self._chance.choice([team for team in self._teams if team != old])
        done.leaves(user, self._world.groups, {old})
        done.joins(user, self._world.groups, {new, EVERYONE})

    def _leave_everything(self, done: Transaction) -> None:
        done.leaves(self._user(done), self._world.groups, set(self._world.groups))

    def _deactivate(self, done: Transaction) -> None:
        done.activates(self._user(done), False)

    def _activate(self, done: Transaction) -> None:
        for user in self._world.users:
            if self._chance.random() < 0.5:
                done.announced.add(str(user.pk))
            done.activates(user, True)

    def _revoke(self, done: Transaction) -> None:
        user = self._user(done)
        devices = sorted(user.hub_devices.filter(revoked_at=None).values_list("pk", flat=True))
        if devices:
            done.revokes(user, str(self._chance.choice(devices)))

    def _move_and_leave(self, done: Transaction) -> None:
        """Take a record and the right to hear it away from its readers at once."""
        for memo in self._locked(1):
            user = self._user(done)
            self._lost = f"team:{memo.team_id}"
            done.leaves(user, self._world.groups, {self._lost})
            memo.text = self._world.value()
            memo.save()
            done.visible.add((memo.text, f"team:{memo.team_id}"))
