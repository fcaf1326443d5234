"""The messages of the protocol as typed structures, decoded and encoded by msgspec.

Extra fields are ignored both ways, so that either side can be newer than the other.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from realtime.errors import InvalidJson, InvalidMessage, UnknownType

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**53), le=2**53)]
Cursor = Annotated[str, Meta(max_length=64)]
# No NUL: PostgreSQL refuses a query that holds one.
Name = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*$")]
Names = Annotated[list[Name], Meta(max_length=256)]
Label = Annotated[str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]

# As many as fit into a message: what a client holds, and not what it chooses.
HeldNames = list[Name]


class _Message(msgspec.Struct, tag_field="type", rename="camel", omit_defaults=True):
    """A frame; fields left at UNSET or None are not sent."""

    def __repr__(self) -> str:
        """Name the message alone: some hold tokens, which must not get into a log."""
        return f"<{self.__struct_config__.tag}>"


class Ping(_Message, tag="ping", kw_only=True):
    """Asks for a `pong`; `cursor` acknowledges everything up to it."""

    id: Id | None = None
    cursor: Cursor | None = None


class SyncRequest(_Message, tag="sync_request", kw_only=True):
    """Asks for one page of what changed after `cursor`, else at or after `since`, else of all."""

    id: Id | None = None
    cursor: Cursor | None = None
    since: Any = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    tables: Names | None = None
    audiences: Names | None = None


class Hello(_Message, tag="hello", kw_only=True):
    """Says who the client is, what it holds and what it wants to hear."""

    id: Id | None = None
    token: Annotated[str, Meta(max_length=8192)] | None = None
    pairing_code: Annotated[str, Meta(max_length=64)] | None = None
    app_version: Label | None = None
    platform: Label | None = None
    client_id: str | None = None
    cursor: Cursor | None = None
    held_audiences: HeldNames | None = None
    tables: Names | None = None
    audiences: Names | None = None
    batch: bool = False


class Change(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One entry of the log as a client sees it."""

    table: str
    record_id: str
    action: str
    data: msgspec.Raw | UnsetType = UNSET
    changed: msgspec.Raw | UnsetType = UNSET
    audience: str
    timestamp: str
    cursor: str | UnsetType = UNSET
    transaction: str
    origin: str | UnsetType = UNSET
    cause: str | UnsetType = UNSET


class Event(_Message, tag="event", kw_only=True):
    """Something happened: a change, or what the host broadcast."""

    event: str
    data: Any
    timestamp: str
    cursor: str | UnsetType = UNSET


class SyncResponse(_Message, tag="sync_response", kw_only=True):
    """One page; `cursor` and `sync_timestamp` are where to go on from."""

    changes: list[Change]
    sync_timestamp: str
    cursor: str | UnsetType = UNSET
    has_more: bool
    reset: bool | UnsetType = UNSET
    audiences: list[str] | UnsetType = UNSET
    id: Id | UnsetType = UNSET


class Pong(_Message, tag="pong", kw_only=True):
    """The answer to a `ping`."""

    id: Id | UnsetType = UNSET
    timestamp: str
    cursor: str | UnsetType = UNSET


class Limits(msgspec.Struct, rename="camel"):
    """What a client has to keep to."""

    message_bytes: int
    page_changes: int
    page_bytes: int


class Welcome(_Message, tag="welcome", kw_only=True):
    """The answer to `hello`."""

    client_id: str
    epoch: str
    audiences: list[str]
    lost: list[str] | UnsetType = UNSET
    heartbeat: float
    limits: Limits
    token_expires_at: str | UnsetType = UNSET
    device_token: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    id: Id | UnsetType = UNSET


class Audiences(_Message, tag="audiences", kw_only=True):
    """The rights of the connection's user have changed; `lost` is to be forgotten."""

    audiences: list[str]
    gained: list[str]
    lost: list[str]
    timestamp: str


class TokenExpiring(_Message, tag="token_expiring", kw_only=True):
    """The connection ends at `expires_at`, unless a `hello` brings a new token before."""

    expires_at: str
    timestamp: str


class ErrorMessage(_Message, tag="error", kw_only=True):
    """A message of the client could not be answered; the connection lives on.

    `retry_after_ms` is in milliseconds.
    """

    code: str
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    id: Id | UnsetType = UNSET


class Goodbye(_Message, tag="goodbye", kw_only=True):
    """The last message before the server closes; `retry_after_ms` is in milliseconds."""

    code: int
    reason: str
    reconnect: bool
    retry_after_ms: int | UnsetType = UNSET


ClientMessage = Ping | SyncRequest | Hello


class _Envelope(msgspec.Struct):
    type: Any = None
    id: Any = None


_decoder: Final = msgspec.json.Decoder(ClientMessage)
_envelope: Final = msgspec.json.Decoder(_Envelope)
_encoder: Final = msgspec.json.Encoder()


def decode(text: str) -> ClientMessage:
    """Return the message of a text frame.

    Raises `InvalidJson`, `UnknownType` or `InvalidMessage`, with the message's id where it can
    be read.
    """
    try:
        message: ClientMessage = _decoder.decode(text)
        return message
    except msgspec.ValidationError as error:
        raise _invalid(text, str(error)) from None
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidJson("The message is not valid JSON (RFC 8259).") from None
    except RecursionError:
        raise InvalidJson("The message is nested too deeply.") from None


def encode(message: msgspec.Struct) -> str:
    """Return a message as the text of a frame."""
    return _encoder.encode(message).decode()


def given(value: Any) -> Any:
    """Return a value for a field that is left out where there is none; an empty text is one."""
    return UNSET if value is None else value


def _invalid(text: str, explanation: str) -> InvalidMessage | UnknownType:
    try:
        envelope = _envelope.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return InvalidMessage(f"The message must be a JSON object with a type: {explanation}.")
    request_id = envelope.id if _is_id(envelope.id) else None
    if not isinstance(envelope.type, str):
        return InvalidMessage("The message needs a `type` that is text.", request_id)
    if explanation.endswith("`$.type`"):
        known = "ping, sync_request, hello"
        return UnknownType(f"The types a client may send are: {known}.", request_id)
    return InvalidMessage(f"{explanation}.", request_id)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 64
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53
