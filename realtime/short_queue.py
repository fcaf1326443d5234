"""A deque for few items."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar

T = TypeVar("T")


class ShortQueue(list[T]):
    """Does what is asked of a `deque` that is only put into at one end and taken from at the other.

    An empty `deque` takes 760 bytes, which is much where there are several for each connection, of
    which nearly all are empty at any time. Taking from this one takes as long as it is long.
    """

    __slots__ = ()

    def popleft(self) -> T:
        """Take the first item."""
        return self.pop(0)


def shorten(owner: Any, *names: str) -> None:
    """Replace those attributes of an object that are deques; whatever else there is stays."""
    for name in names:
        if type(found := getattr(owner, name, None)) is deque and found.maxlen is None:
            setattr(owner, name, ShortQueue(found))
