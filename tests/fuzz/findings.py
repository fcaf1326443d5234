"""What a fuzzer can find: each way in which an input did what no input may do."""

from __future__ import annotations

import enum
import logging
import traceback


class Kind(enum.StrEnum):
    """How an input broke the promise that nothing a client sends can harm."""

    CRASH = "crashes"
    """An exception left the code that was given the input."""
    TRACEBACK = "tracebacks"
    """Something was logged as an error."""
    DISCONNECT = "disconnects"
    """A connection was closed that the protocol does not let be closed for it."""
    ANSWER = "wrong answers"
    """A message was answered not at all, twice, or with what the protocol does not have."""
    LEAK = "leaks"
    """A task or a connection was left over."""


class Finding(AssertionError):
    """An input did what no input may do."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


def require(condition: object, kind: Kind, text: str) -> None:
    """Raise a finding unless the condition holds."""
    if not condition:
        raise Finding(kind, text)


class Complaints(logging.Handler):
    """Collects what is logged as an error, or with a traceback, anywhere in the process."""

    def __init__(self) -> None:
        super().__init__()
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR and not record.exc_info:
            return
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info))
        self._found.append(text)

    def raise_if_any(self) -> None:
        """Raise the first complaint since the last look as a finding, and forget all."""
        found, self._found = self._found, []
        if found:
            raise Finding(Kind.TRACEBACK, found[0])

    def __enter__(self) -> Complaints:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        logging.getLogger().removeHandler(self)
