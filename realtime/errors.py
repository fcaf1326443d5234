"""Every error the app raises, as one tree, and the one place that puts errors on the wire."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from realtime.codes import CloseCode
from sync.errors import InvalidCursor, InvalidSince


class ErrorCode(enum.StrEnum):
    """The `code` of an `error` message."""

    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"
    UNKNOWN_TYPE = "unknown_type"
    BINARY_UNSUPPORTED = "binary_unsupported"
    TOO_LARGE = "too_large"
    INVALID_SINCE = "invalid_since"
    INVALID_CURSOR = "invalid_cursor"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"


class RealtimeError(Exception):
    """The base of every error raised by `realtime`; `code` is what a client is told."""

    code = ErrorCode.INTERNAL
    retryable = False

    def __init__(
        self,
        message: str,
        request_id: str | int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds after which the same may succeed, where that is known."""


class InvalidJson(RealtimeError):
    """A message is not JSON text."""

    code = ErrorCode.INVALID_JSON


class InvalidMessage(RealtimeError):
    """A message is JSON, but not of the form its type asks for."""

    code = ErrorCode.INVALID_MESSAGE


class UnknownType(RealtimeError):
    """A message is of a type that the protocol does not have."""

    code = ErrorCode.UNKNOWN_TYPE


class BinaryUnsupported(RealtimeError):
    """A message came in a binary frame."""

    code = ErrorCode.BINARY_UNSUPPORTED


class TooLarge(RealtimeError):
    """A message is larger than `MAX_MESSAGE_BYTES`."""

    code = ErrorCode.TOO_LARGE


class Unauthenticated(RealtimeError):
    """A client that has not said who it is asked for something."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(RealtimeError):
    """A client asked for what is not its own, whether or not that exists."""

    code = ErrorCode.FORBIDDEN


class RateLimited(RealtimeError):
    """A client asks faster than it is answered."""

    code = ErrorCode.RATE_LIMITED
    retryable = True


class InternalError(RealtimeError):
    """The base of the errors that concern the host: no client is told their text."""


class AuthenticateFailed(InternalError):
    """The host's `AUTHENTICATE` failed, which says nothing about the token it was asked about."""


class DeviceIsRevoked(InternalError):
    """A device that was revoked was to get a new token or pairing code."""


class NotToBeExplained(InternalError):
    """Something that was asked about is not known; `nearby` names what is."""

    def __init__(self, name: str, nearby: Iterable[str] = ()) -> None:
        self.name = name
        self.nearby = list(nearby)
        super().__init__(self.text())

    def text(self) -> str:
        """Return what is not known."""
        return self.name


class UnknownClient(NotToBeExplained):
    """No client, device or user has the name."""

    def text(self) -> str:
        return f"No client id, device or user is named {self.name!r}."


class UnknownTable(NotToBeExplained):
    """No table of the name is registered."""

    def text(self) -> str:
        return (
            f"The table {self.name!r} is not registered, so its changes are not recorded. Register"
            " its model with sync.register() in its app's sync.py."
        )


class UnknownRecord(NotToBeExplained):
    """Neither the log nor the table has the record."""

    def text(self) -> str:
        return f"Neither the log nor the table has a record {self.name!r}."


class UnknownChange(NotToBeExplained):
    """The record has changes, but not the one that was asked about."""

    def text(self) -> str:
        return f"The record has no change {self.name}."


class EndsConnection(RealtimeError):
    """The base of the errors that a connection does not outlive; `close_code` says why."""

    code = ErrorCode.UNAUTHENTICATED
    close_code = CloseCode.BAD_TOKEN


class BadToken(EndsConnection):
    """A token or pairing code opens nothing, for whatever reason: the text says none."""

    def __init__(self, message: str = "The token or code is not valid. Ask for a new one.") -> None:
        super().__init__(message)


class Revoked(EndsConnection):
    """A connection's credential lets nobody in any more, or there is nothing left to hear."""

    close_code = CloseCode.REVOKED


class TokenExpired(EndsConnection):
    """A connection's credential was good until now."""

    close_code = CloseCode.TOKEN_EXPIRED


class Gone(EndsConnection):
    """A client went before it was let in; nobody is there to be told."""

    close_code = CloseCode.NORMAL


class Busy(EndsConnection):
    """The hub takes no further connection now; the client is sent away, to come back later."""

    retryable = True
    close_code = CloseCode.BUSY


class TooManyConnections(EndsConnection):
    """A user or an address has as many connections as it may have; the client is sent away."""

    close_code = CloseCode.TOO_MANY_CONNECTIONS


class CannotServe(InternalError):
    """A server process could not be started, or not be reached."""


def wire_error(error: Exception) -> tuple[ErrorCode, str, bool]:
    """Return code, text and retryability of an error; unexpected ones say nothing of the inside."""
    if isinstance(error, RealtimeError) and not isinstance(error, InternalError):
        return error.code, str(error), error.retryable
    if isinstance(error, InvalidCursor):
        return ErrorCode.INVALID_CURSOR, str(error), False
    if isinstance(error, InvalidSince):
        return ErrorCode.INVALID_SINCE, str(error), False
    return ErrorCode.INTERNAL, "The server could not answer. Try again later.", True
