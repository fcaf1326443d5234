"""Who may be sent what: judged from what the writers committed, never from what the hub says.

Every transaction of the proof counts a counter up as its last statement. Whoever has counted holds
the counter's row until the commit, so the numbers are the order of the commits, exactly. The
counter is a registered record, so its entry in the log names the transaction of each number.

A value that was committed at place p into an audience may reach a credential that was good for this
audience at p or later, from its gain on. After a loss that nobody announced, what is committed
within `allowance` seconds may still come, and is counted apart.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from tests.proof.rights_ledger import Change, Moment, RightsLedger

SHOWN: Final = 5
"""Violations of a kind that are kept with their text; all are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction did: values that it made visible, each in an audience, and rights."""

    moment: Moment
    visible: frozenset[tuple[str, str]] = frozenset()
    rights: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """One frame as a client received it: the values anywhere in it, and its changes, each as
    audience and transaction."""

    client: str
    credential: str
    at: float
    values: frozenset[str]
    changes: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """A connection that the hub ended, and when it had begun."""

    client: str
    credential: str
    since: float
    at: float
    code: int
    is_slow: bool = False
    """Whether the client may not have read how it was closed before the hub gave up waiting."""


class Oracle:
    """Takes in what was committed, from any thread, and judges what was sent."""

    def __init__(self, allowance: float) -> None:
        self.rights = RightsLedger()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.latest = 0.0
        """The most seconds after an unannounced loss that something was committed and heard."""
        self._allowance = allowance
        self._lock = threading.Lock()
        self._waiting: list[Commit] = []
        self._moments: dict[int, Moment] = {}
        self._visible: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        self._places: dict[str, int] = {}

    def committed(self, commit: Commit) -> None:
        """Take in a transaction that has been committed."""
        with self._lock:
            self._waiting.append(commit)

    def numbered(self, places: Iterable[tuple[str, int]]) -> None:
        """Take in the places of transactions, by the name that the log gives them."""
        self._places.update(places)

    def catch_up(self) -> bool:
        """Work out the rights as they are now, while nobody commits; tell whether any had."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for commit in sorted(waiting, key=lambda commit: commit.moment.place):
            self._moments[commit.moment.place] = commit.moment
            for value, audience in commit.visible:
                self._visible[value].add((audience, commit.moment.place))
            for change in commit.rights:
                self.rights.apply(change, commit.moment)
        return bool(waiting)

    def judge(self, sent: Sent) -> None:
        """Look at every value and every change of a frame."""
        for value in sent.values:
            self.counts["values checked"] += 1
            self._judge(sent, f"the value {value}", self._visible.get(value, set()), "value")
        for audience, transaction in sent.changes:
            self.counts["changes checked"] += 1
            place = self._places.get(transaction)
            if place is None:
                self.complain("unknown transaction", f"{sent.client} was sent {transaction}")
                continue
            what = f"a change of {audience} from {place}"
            self._judge(sent, what, {(audience, place)}, "change")

    def judge_end(self, closed: Closed) -> None:
        """Tell whether the hub had a reason to end a connection."""
        lost_all = closed.code in (4501, 4503) or (closed.code == 1006 and closed.is_slow)
        if lost_all and self.rights.had_nothing(closed.credential, closed.since, closed.at):
            self.counts[f"closed with {closed.code}"] += 1
        else:
            self.complain("unexpected close", f"{closed.client} was closed with {closed.code}")

    def complain(self, kind: str, text: str) -> None:
        """Note something that must not be."""
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            self.violations.append(f"{kind}: {text}")

    def _judge(self, sent: Sent, what: str, visible: set[tuple[str, int]], noun: str) -> None:
        verdicts = [self._verdict(sent, audience, place) for audience, place in visible]
        if any(late == 0.0 for late in verdicts):
            return
        lates = [late for late in verdicts if late is not None]
        if lates:
            self.counts["heard after an unannounced loss"] += 1
            self.latest = max(self.latest, min(lates))
            return
        who = f"{sent.client} with credential {sent.credential}"
        held = [self._told(sent.credential, audience) for audience, _ in sorted(visible)[:5]]
        self.complain(f"foreign {noun}", f"{who} was sent {what}, {sorted(visible)[:5]}: {held}")

    def _verdict(self, sent: Sent, audience: str, place: int) -> float | None:
        """Return 0 for what may be sent, None for what may not, else how late it was committed."""
        late = None
        for span in self.rights.spans(sent.credential, audience):
            lost = span.lost
            if lost is None or lost.place > place:
                if span.gained.place <= place or span.gained.before <= sent.at:
                    return 0.0
            elif not span.is_announced and not self.rights.was_announced_between(
                sent.credential, lost.place, place
            ):
                seconds = max(1e-6, self._moments[place].before - lost.after)
                late = seconds if seconds <= self._allowance else None
        return late

    def _told(self, credential: str, audience: str) -> str:
        spans = self.rights.spans(credential, audience)[-3:]
        return ", ".join(
            f"{audience} held {span.gained.place}-{span.lost and span.lost.place}"
            f"{'' if span.is_announced or not span.lost else ' (unannounced)'}"
            for span in spans
        )
