"""Plans of what many threads write at the same time, and what the log has to hold afterwards.

A thread writes tickets of its own, whose history follows from its plan alone, and a diary that all
share, to which each adds its mark: the diary's text tells in which order they really came.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from hypothesis import strategies as st

SLOTS = 4
KINDS = ("put", "put", "put", "put_all", "touch", "drop", "drop_all", "note", "note", "note")

History = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Transaction:
    """What one thread does in one round."""

    writes: tuple[tuple[str, int], ...]
    commits: bool


@dataclasses.dataclass(frozen=True)
class Round:
    """A transaction for each thread; in the given order of commits, or as it comes."""

    transactions: tuple[Transaction, ...]
    order: tuple[int, ...] | None
    visits: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    threads: int
    rounds: tuple[Round, ...]


def plans(clients: int, *, ordered: bool) -> st.SearchStrategy[Plan]:
    """Generate plans; `ordered` for a database on which several can have written and not yet
    committed."""
    return st.integers(2, 5).flatmap(lambda threads: _plans(threads, clients, ordered))


def _plans(threads: int, clients: int, ordered: bool) -> st.SearchStrategy[Plan]:
    write = st.tuples(st.sampled_from(KINDS), st.integers(0, SLOTS - 1))
    transaction = st.builds(
        Transaction,
        writes=st.lists(write, min_size=1, max_size=5).map(tuple),
        commits=st.sampled_from((True, True, True, False)),
    )
    orders = st.permutations(range(threads)).map(tuple)
    visits = st.tuples(*[st.sampled_from(("stay", "close", "drop", "return"))] * clients)
    rounds = st.builds(
        Round,
        transactions=st.tuples(*[transaction] * threads),
        order=st.none() | orders if ordered else st.none(),
        visits=visits,
    )
    return st.builds(
        Plan, threads=st.just(threads), rounds=st.lists(rounds, min_size=1, max_size=5).map(tuple)
    )


class Model:
    """What the tickets of one thread are, and what the log says of them, if all goes well."""

    def __init__(self, plan_id: uuid.UUID, thread: int) -> None:
        self.keys = [uuid.uuid5(plan_id, f"{thread}.{slot}") for slot in range(SLOTS)]
        self.subjects: dict[uuid.UUID, str] = {}
        self.histories: dict[uuid.UUID, History] = {key: [] for key in self.keys}
        self.marks: list[str] = []

    def copy(self) -> Model:
        """Return a copy to work on in a transaction that may be rolled back."""
        copied: Any = object.__new__(Model)
        copied.keys, copied.subjects = self.keys, dict(self.subjects)
        copied.histories = {key: list(history) for key, history in self.histories.items()}
        copied.marks = list(self.marks)
        return copied

    def put(self, key: uuid.UUID, subject: str) -> None:
        """A ticket is created or gets another subject."""
        if self.subjects.get(key) != subject:
            self.histories[key].append(("update" if key in self.subjects else "insert", subject))
        self.subjects[key] = subject

    def drop(self, key: uuid.UUID) -> None:
        """A ticket is deleted, if there is one."""
        if key in self.subjects:
            self.histories[key].append(("delete", self.subjects.pop(key)))
