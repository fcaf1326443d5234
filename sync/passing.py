"""What may pass the detector: the ORM's own statements, and raw SQL that a host answers for.

Both are context variables, so a thread or task of its own starts watched, and an error or a nested
write leaves the outer state as it was.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_orm: ContextVar[bool] = ContextVar("sync_orm", default=False)
_allowed: ContextVar[bool] = ContextVar("sync_allowed", default=False)

is_orm: Final = _orm.get
is_allowed: Final = _allowed.get


def unwatched(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what executes an ORM write: capture records it, or has nothing to record."""
    token = _orm.set(True)
    try:
        return function(*args, **kwargs)
    finally:
        _orm.reset(token)


def watched(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what runs code of the host, such as receivers, also inside an ORM write."""
    token = _orm.set(False)
    try:
        return function(*args, **kwargs)
    finally:
        _orm.reset(token)


def allow_raw_sql() -> AllowRawSQL:
    """Let raw SQL write to registered tables, as a context manager or a decorator.

    For code that tells the log itself, by `sync.record` and `sync.record_deleted`: nothing else is
    going to record what it writes. Counts for this thread or task, and for coroutines.
    """
    return AllowRawSQL()


class AllowRawSQL:
    """The permission of `allow_raw_sql`; may be entered again while it is entered."""

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(_allowed.set(True))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _allowed.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Allow raw SQL in every call of a function or coroutine function.

        Raises `TypeError` for a generator, which runs only after the call.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is a generator: use `with sync.allow_raw_sql():` in it."
            )
        return (
            _asynchronous(function) if inspect.iscoroutinefunction(function) else _plain(function)
        )


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def allowed(*args: Any, **kwargs: Any) -> Any:
        with allow_raw_sql():
            return function(*args, **kwargs)

    return allowed


def _asynchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def allowed(*args: Any, **kwargs: Any) -> Any:
        with allow_raw_sql():
            return await function(*args, **kwargs)

    return allowed
