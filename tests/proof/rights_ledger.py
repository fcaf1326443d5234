"""Who held what when, by the order in which the changes of rights were committed."""

from __future__ import annotations

import bisect
import dataclasses
from collections import defaultdict
from typing import Final

EVER_AFTER: Final = float("inf")


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """A commit: its place among all commits, and times on the clock before and after it."""

    place: int
    before: float
    after: float


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What one transaction changed of the rights of one user.

    `joined` and `left` are audiences, `active` is whether the user may come in from now on, None
    where that stays, `made` and `revoked` are credentials.
    """

    user: str
    is_announced: bool = False
    joined: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    active: bool | None = None
    made: str | None = None
    revoked: str | None = None


@dataclasses.dataclass(slots=True)
class Span:
    """A time in which a credential's user held an audience."""

    gained: Moment
    lost: Moment | None = None
    is_announced: bool = False


@dataclasses.dataclass(slots=True)
class _User:
    audiences: set[str] = dataclasses.field(default_factory=set)
    is_active: bool = True
    credentials: set[str] = dataclasses.field(default_factory=set)


class RightsLedger:
    """The rights of every credential after every commit; commits must be given in their order."""

    def __init__(self) -> None:
        self._users: defaultdict[str, _User] = defaultdict(_User)
        self._spans: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
        self._announced: defaultdict[str, list[int]] = defaultdict(list)
        self._owner: dict[str, str] = {}
        self._nothing: defaultdict[str, list[Span]] = defaultdict(list)
        self._held: dict[str, frozenset[str]] = {}

    def apply(self, change: Change, moment: Moment) -> None:
        """Take in the next change of rights."""
        user = self._users[change.user]
        user.audiences = (user.audiences - change.left) | change.joined
        if change.active is not None:
            user.is_active = change.active
        if change.made is not None:
            user.credentials.add(change.made)
            self._owner[change.made] = change.user
        if change.is_announced:
            self._announced[change.user].append(moment.place)
        touched = set(user.credentials)
        user.credentials.discard(change.revoked or "")
        for credential in touched:
            is_good = credential in user.credentials and user.is_active
            held = frozenset(user.audiences) if is_good else frozenset()
            self._hold(credential, held, moment, change.is_announced)

    def held(self, credential: str) -> frozenset[str]:
        """Return what a credential is good for at the end of what was taken in; one that was not
        taken in yet is good for nothing."""
        return self._held.get(credential, frozenset())

    def spans(self, credential: str, audience: str) -> list[Span]:
        """Return when a credential was good for an audience, in order."""
        return self._spans[credential, audience]

    def had_nothing(self, credential: str, since: float, until: float) -> bool:
        """Tell whether a credential may have been good for nothing at some time between."""
        return any(
            span.gained.before <= until and (span.lost is None or span.lost.after >= since)
            for span in self._nothing[credential]
        )

    def was_announced_between(self, credential: str, after: int, upto: int) -> bool:
        """Tell whether a change of the user's rights was announced by a commit between two."""
        places = self._announced[self._owner[credential]]
        return bisect.bisect_right(places, upto) > bisect.bisect_right(places, after)

    def _hold(
        self, credential: str, held: frozenset[str], moment: Moment, is_announced: bool
    ) -> None:
        before = self._held.get(credential)
        for audience in held - (before or frozenset()):
            self._spans[credential, audience].append(Span(moment))
        for audience in (before or frozenset()) - held:
            span = self._spans[credential, audience][-1]
            span.lost, span.is_announced = moment, is_announced
        if before and not held or before is None and not held:
            self._nothing[credential].append(Span(moment))
        elif before is not None and not before and held:
            self._nothing[credential][-1].lost = moment
        self._held[credential] = held
