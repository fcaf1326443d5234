"""The ways in which the clients of a proof keep their replicas."""

from __future__ import annotations

import dataclasses
from typing import Final

from tests.proof.world import MEMOS


@dataclasses.dataclass(frozen=True, slots=True)
class Manner:
    """How a client speaks: `says_hello` or knows the oldest form only, comes back `by` its cursor
    or a time, `names` what it holds, and may hear less than it could."""

    name: str
    says_hello: bool = True
    names: bool = True
    by: str = "cursor"
    batch: bool = False
    tables: tuple[str, ...] | None = None
    narrows: bool = False
    reads_slowly: bool = False


MANNERS: Final = (
    Manner("names what it holds"),
    Manner("names nothing", names=False),
    Manner("simple by cursor", says_hello=False),
    Manner("simple by time", says_hello=False, by="since"),
    Manner("in batches", batch=True),
    Manner("some audiences", narrows=True),
    Manner("some tables", tables=(MEMOS,)),
    Manner("slow", reads_slowly=True),
    Manner("slow in batches", batch=True, names=False, reads_slowly=True),
)
