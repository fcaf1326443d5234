"""Newcomers, many at once: within the limits, and known with what they may hear. Runs on the hub's
threads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from realtime import rights
from realtime.admission import Seat, refusals
from realtime.connection import Identity
from realtime.grants import Grant


@dataclasses.dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who showed a credential, and the client id that was chosen."""

    seat: Seat
    grant: Grant
    client_id: str | None


def introduce_all(newcomers: Sequence[Newcomer]) -> list[Identity | Exception]:
    """Return for each who it is, or `Busy` where other processes hold too many connections of the
    same user or address."""
    refused = refusals([one.seat for one in newcomers])
    let_in = [one for one, why in zip(newcomers, refused, strict=True) if why is None]
    known = iter(rights.identify_all([(one.grant, one.client_id) for one in let_in]))
    return [next(known) if why is None else why for why in refused]
