"""Threads that carry out a plan on a real database."""

from __future__ import annotations

import contextlib
import threading
import uuid

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from tests.support.late import RolledBack
from tests.support.plans import Model, Plan, Round
from tests.support.threads import in_threads
from tests.testapp.models import Everything, Ticket

SECONDS = 60


class Planned:
    """The threads of one plan, one round at a time; `models` says what they should have made."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.id = uuid.uuid4()
        self.models = [Model(self.id, thread) for thread in range(plan.threads)]
        self.diary = Everything.objects.create(char=str(self.id))
        self._round = 0

    def carry_out_next_round(self) -> None:
        """Have all threads do their transaction of the next round; returns when all have ended."""
        round = self.plan.rounds[self._round]
        everybody = threading.Barrier(self.plan.threads)
        turns = [threading.Event() for _ in range(self.plan.threads + 1)]
        turns[0].set()
        in_threads(
            *(
                lambda thread=thread: self._take_part(round, thread, everybody, turns)
                for thread in range(self.plan.threads)
            )
        )
        self._round += 1

    def _take_part(
        self,
        round: Round,
        thread: int,
        everybody: threading.Barrier,
        turns: list[threading.Event],
    ) -> None:
        try:
            everybody.wait(SECONDS)
            done = self.models[thread].copy()
            with contextlib.suppress(RolledBack), transaction.atomic():
                self._write(round, thread, done)
                if round.order is not None:
                    everybody.wait(SECONDS)
                    assert turns[round.order.index(thread)].wait(SECONDS), "a thread is stuck"
                if not round.transactions[thread].commits:
                    raise RolledBack
            if round.transactions[thread].commits:
                self.models[thread] = done
        except BaseException:
            everybody.abort()
            raise
        finally:
            if round.order is not None:
                turns[round.order.index(thread) + 1].set()

    def _write(self, round: Round, thread: int, model: Model) -> None:
        noted = False
        for number, (kind, slot) in enumerate(round.transactions[thread].writes):
            name = f"{self._round}.{thread}.{number}"
            if kind != "note":
                getattr(self, f"_{kind}")(model, model.keys[slot], name)
            elif round.order is None and not noted:
                # Whoever has added a mark holds the diary until its commit.
                noted = True
                self._note(model, name)

    def _put(self, model: Model, key: uuid.UUID, subject: str) -> None:
        Ticket.objects.update_or_create(pk=key, defaults={"subject": subject})
        model.put(key, subject)

    def _put_all(self, model: Model, key: uuid.UUID, subject: str) -> None:
        missing = [key for key in model.keys if key not in model.subjects]
        Ticket.objects.filter(pk__in=model.subjects).update(subject=subject)
        for known in list(model.subjects):
            model.put(known, subject)
        Ticket.objects.bulk_create(Ticket(pk=key, subject=subject) for key in missing)
        for key in missing:
            model.put(key, subject)

    def _touch(self, model: Model, key: uuid.UUID, subject: str) -> None:
        Ticket.objects.filter(pk=key).update(subject=F("subject"))

    def _drop(self, model: Model, key: uuid.UUID, subject: str) -> None:
        Ticket.objects.filter(pk=key).delete()
        model.drop(key)

    def _drop_all(self, model: Model, key: uuid.UUID, subject: str) -> None:
        Ticket.objects.filter(pk__in=model.keys).delete()
        for key in list(model.subjects):
            model.drop(key)

    def _note(self, model: Model, mark: str) -> None:
        added = Concat(F("text"), Value(f"{mark};"))
        Everything.objects.filter(pk=self.diary.pk).update(text=added)
        model.marks.append(mark)
