"""Who is let in: so many connections of a user, of an address, and of nobody yet.

What this process holds is counted exactly. What others hold is known from their presence, which
is a moment old, and for `PRESENCE_TIMEOUT` wrong after a process was killed: so it sends nobody
away for good.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db.models import Count, Q

from realtime.conf import conf
from realtime.errors import Busy, TooManyConnections
from realtime.presence import alive_rows
from realtime.relay import local_relays

Key = tuple[str, str]

_EVERYBODY_WAITING: Final[Key] = ("waiting", "")


class Counts:
    """How many connections are counted under each key; a process may have several event loops."""

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def __getitem__(self, key: Key) -> int:
        return self._counts[key]

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, limits: Mapping[Key, int | None]) -> Key | None:
        """Count one more under each key, or none at all and return the first key that is full."""
        with self._lock:
            for key, limit in limits.items():
                if limit and self._counts[key] >= limit:
                    return key
            self._counts.update(limits.keys())
        return None

    def remove(self, keys: Iterable[Key]) -> None:
        """Count one less under each key."""
        with self._lock:
            for key in keys:
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]


_counts = Counts()


class Arriving:
    """How many are being looked up to be let in: who says nothing is not among them."""

    count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        self.count -= 1


arriving: Final = Arriving()
"""Those of this process. Used on its server's event loop; a few too many or too few on others only
make it accept a moment later or sooner."""


class Seat:
    """What one connection takes up of the limits, from its arrival to its end."""

    def __init__(self, network: str | None, counts: Counts = _counts) -> None:
        self._network = network
        self._counts = counts
        self._waiting: list[Key] = []
        self._held: list[Key] = []

    def arrive(self) -> None:
        """Count a connection that has no user yet.

        Raises `TooManyConnections` or `Busy`, and then counts nothing.
        """
        waiting: dict[Key, int | None] = {_EVERYBODY_WAITING: conf().MAX_UNAUTHENTICATED}
        held: dict[Key, int | None] = {}
        if self._network is not None:
            waiting["waiting", self._network] = conf().MAX_UNAUTHENTICATED_PER_ADDRESS
            held["address", self._network] = conf().MAX_CONNECTIONS_PER_ADDRESS
        full = self._counts.add(held | waiting)
        if full in held:
            # Not for good: behind one address there may be others, who have done nothing.
            raise Busy("Too many connections come from your address.", retry_after=_spread())
        if full is not None:
            raise Busy("Too many clients arrive at once.", retry_after=_spread())
        self._waiting, self._held = list(waiting), list(held)

    def take(self, user_id: object) -> None:
        """Count the connection as a user's from now on, or raise `TooManyConnections`."""
        key = ("user", str(user_id))
        if self._counts.add({key: conf().MAX_CONNECTIONS_PER_USER}) is not None:
            raise TooManyConnections("You have too many connections. Close some first.")
        self._held.append(key)
        self._stop_waiting()

    def refusal(self, elsewhere: Mapping[Key, int]) -> Busy | None:
        """Return why the connection has to come back later, if it has to: other processes hold so
        many of the same user or address."""
        for key, limit in _limits(self._held).items():
            if limit and elsewhere[key] + self._counts[key] > limit:
                return Busy("Too many connections are counted as yours.", retry_after=_confirmed())
        return None

    def leave(self) -> None:
        """Give everything back; doing it twice is harmless."""
        self._stop_waiting()
        held, self._held = self._held, []
        self._counts.remove(held)

    def _stop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._counts.remove(waiting)


def refusals(seats: Sequence[Seat]) -> list[Busy | None]:
    """Return for each seat its `refusal`, by one query. For a database thread."""
    elsewhere = _elsewhere({key for seat in seats for key in tuple(seat._held)})
    return [seat.refusal(elsewhere) for seat in seats]


def _limits(keys: Iterable[Key]) -> dict[Key, int | None]:
    limits = {
        "user": conf().MAX_CONNECTIONS_PER_USER,
        "address": conf().MAX_CONNECTIONS_PER_ADDRESS,
    }
    return {key: limits[key[0]] for key in keys}


def _elsewhere(keys: Iterable[Key]) -> Counter[Key]:
    """Return how many connections other processes hold under each key that has a limit."""
    limited = {key for key, limit in _limits(keys).items() if limit}
    found: Counter[Key] = Counter()
    if not limited:
        return found
    users = [value for kind, value in limited if kind == "user"]
    networks = [value for kind, value in limited if kind == "address"]
    others = alive_rows().exclude(relay__in=[relay.id for relay in local_relays()])
    either = others.filter(Q(user_id__in=users) | Q(network__in=networks))
    counted = either.values_list("user_id", "network").annotate(count=Count("pk")).order_by()
    for user_id, network, count in counted:
        found["user", user_id] += count
        found["address", network] += count
    return found


def _spread() -> float:
    """Return a time of its own for each client to come back at."""
    return random.uniform(*conf().RETRY_AFTER)


def _confirmed() -> float:
    """Return a time by which the living have confirmed their connections once more."""
    return conf().PRESENCE_INTERVAL * random.uniform(1, 2)
