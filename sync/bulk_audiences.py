"""The mark of a function that says of many users at once what they hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "hub_is_in_bulk"


def in_bulk(function: F) -> F:
    """Have the function that `SYNC["AUDIENCES"]` names be asked about many users by one call.

    It is given a list of users and returns a dictionary with an entry for each: the user's primary
    key, and the names of the audiences it hears. So a few queries serve everybody who comes back
    after a restart, instead of a few for each. It may be `async`.
    """
    setattr(function, _MARK, True)
    return function


def is_in_bulk(function: Any) -> bool:
    """Tell whether a function is to be asked about many users at once."""
    return getattr(function, _MARK, False) is True
