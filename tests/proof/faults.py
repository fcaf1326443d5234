"""Hubs with a fault, to show that the proof finds it: an app that breaks one promise at start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

from django.apps import AppConfig

VARIABLE: Final = "HUB_TEST_FAULT"
DELAY: Final = 0.05
"""Seconds that a race is held open where a fault is one."""


class FaultyConfig(AppConfig):
    name = "tests.proof.faults"
    label = "faulty"

    def ready(self) -> None:
        FAULTS[os.environ[VARIABLE]]()


def keep_what_was_lost() -> None:
    """The connection goes on hearing what was lost."""
    from realtime.access import Access

    change_as_it_should = Access._change

    def change(self: Access, found: Any) -> None:
        before = self._connection.audiences
        change_as_it_should(self, found)
        self._connection.audiences |= before

    Access._change = change  # type: ignore[method-assign]


def read_notices_before_the_log() -> None:
    """What was lost between the two looks is fanned out."""
    from realtime.relay import Relay
    from realtime.relay import tail as tail_as_it_is

    def read(self: Relay) -> Any:
        from realtime.conf import conf

        noticed = self._notices.read()
        time.sleep(DELAY)
        return tail_as_it_is(self.position, conf().RELAY_BATCH), noticed

    Relay._read = read  # type: ignore[method-assign]


def send_pages_unconfirmed() -> None:
    """A page is sent with the rights that the connection had before."""
    from realtime import paging

    async def unconfirmed(connection: Any) -> Any:
        return connection.permitted

    paging._confirmed = unconfirmed


def admit_who_was_let_in_before() -> None:
    """A credential is not checked again between the handshake and the joining."""
    from realtime.relay import Relay

    Relay.was_noticed = lambda self, user, look: False  # type: ignore[method-assign]


def hear_everything() -> None:
    """Live events are fanned out to everybody."""
    from realtime.connection import Connection
    from realtime.rounds import Changes

    def begin(self: Changes, listeners: Any, position: Any) -> Any:
        listeners.lanes("")  # brings the index up to date
        self.before = position
        for connection in listeners._filed:
            if connection.is_held:
                connection.hold_back(self._events)
            else:
                self.pending[connection] = None
        return self._position

    Connection.hears = lambda self, event: True  # type: ignore[method-assign]
    Changes.begin = begin  # type: ignore[method-assign]


def tell_nobody() -> None:
    """Clients are not told what to forget."""
    from realtime.access import Access

    Access.tell = lambda self, change: None  # type: ignore[method-assign]


def look_at_no_rights_again() -> None:
    """What nobody announced is never found."""
    from realtime import rechecking

    rechecking._due = lambda relay: []


def send_nothing_of_what_was_gained() -> None:
    """What a gained audience held before is not sent."""
    from realtime import catchup

    async def send_snapshot(*arguments: Any) -> bool:
        return True

    catchup.send_snapshot = send_snapshot


def remember_no_rights() -> None:
    """A client that was away is not told what its user has lost."""
    from realtime import access
    from realtime.rights_history import Difference

    access.difference = lambda *arguments: Difference()


def forget_no_moves() -> None:
    """Those whom a record leaves are not told."""
    from sync.supersession import Supersession

    Supersession._move_away = lambda *arguments: None  # type: ignore[method-assign]


FAULTS: Final[dict[str, Callable[[], None]]] = {
    fault.__name__: fault
    for fault in (
        keep_what_was_lost,
        read_notices_before_the_log,
        send_pages_unconfirmed,
        admit_who_was_let_in_before,
        hear_everything,
        tell_nobody,
        look_at_no_rights_again,
        send_nothing_of_what_was_gained,
        remember_no_rights,
        forget_no_moves,
    )
}
