"""The WebSocket consumer: one client's connection from handshake to end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from realtime import shutdown
from realtime.conf import conf
from realtime.connection import Connection
from realtime.conversation import Conversation
from realtime.daphne import transport_for
from realtime.errors import BinaryUnsupported, RateLimited, RealtimeError, TooLarge
from realtime.limits import MessageLimit
from realtime.messages import ClientMessage, decode
from realtime.origins import Origin, header_values, origin_of
from realtime.relay import relay

logger = logging.getLogger(__name__)

SUBPROTOCOL: Final = "hub.v1"


class HubConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Serves one client; whatever it sends, the connection lives.

    It opens no channel of the channel layer, so that the layer can die without closing a socket,
    and leaves all sending of changes to the relay of its event loop.
    """

    channel_layer = None
    serving: asyncio.Task[Any] | None = None
    """The task that serves the client, until it leaves."""
    is_stuck = False
    """Whether the client keeps even its close from leaving."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._start(scope, send)
        async with relay() as its_relay:
            self.conversation = Conversation(scope, self.connection, its_relay)
            try:
                # Channels would wait for each message in a task of its own, beside those of its
                # layer, which takes more memory than anything else of an idle connection.
                while True:
                    await self.dispatch(await receive())
                    await asyncio.sleep(0)  # others have their turn while a client floods
            except StopConsumer:
                pass
            except asyncio.CancelledError:
                if not self.is_stuck:
                    raise
                asyncio.current_task().uncancel()  # type: ignore[union-attr]  # it runs this
            finally:
                await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message without the thread hop that Channels makes for each."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """End without the thread hop that Channels makes; `__call__` cleans up either way."""
        raise StopConsumer

    async def connect(self) -> None:
        """Accept the client, unless another site's page opened the connection."""
        origin = origin_of(self.scope["headers"], self.scope.get("scheme", ""))
        if origin is Origin.FOREIGN:
            shown = ", ".join(header_values(self.scope["headers"], b"origin"))[:200]
            logger.warning("Refused a connection from the foreign origin %r.", shown)
            await self.close()
            return
        offered = self.scope.get("subprotocols", ())
        # A browser fails the connection where it offered subprotocols and none is chosen.
        await self.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self.connection.transport.settle()
        if shutdown.in_progress():
            shutdown.say_goodbye(self.connection)
            return
        await self.conversation.begin(cookies_count=origin is Origin.OWN)

    async def receive(self, text_data: str | None = None, bytes_data: Any = None, **_: Any) -> None:
        """Answer a frame, whatever it holds."""
        if self.connection.transport.is_closing:
            return
        if self.connection.is_full:
            self.conversation.overflow()
            return
        try:
            if not self.messages.admits():
                return
        except RateLimited as error:
            self.conversation.send_error(error, _id_of(text_data))
            return
        try:
            message = _decode(text_data)
        except RealtimeError as error:
            self.conversation.send_error(error, error.request_id)
            return
        await self.conversation.answer(message)

    def _start(self, scope: Any, send: Any) -> None:
        self.scope, self.base_send = scope, send
        self.serving = asyncio.current_task()
        self.connection = Connection(transport_for(send, on_stuck=self._end))
        self.messages = MessageLimit()
        shutdown.watch(self.connection)

    def _end(self) -> None:
        """End as if the client had gone; the server cuts the connection as well as it can."""
        if self.serving is not None:
            self.is_stuck = True
            self.serving.cancel()

    async def _leave(self) -> None:
        self.serving = None  # what is leaving must not be ended halfway
        shutdown.forget(self.connection)
        await self.conversation.end()
        await self.connection.transport.detach()


def _decode(text: str | None) -> ClientMessage:
    if text is None:
        raise BinaryUnsupported("Messages are JSON in text frames.")
    limit = conf().MAX_MESSAGE_BYTES
    if len(text) > limit or len(text.encode(errors="replace")) > limit:
        raise TooLarge(f"A message may have {limit} bytes.")
    return decode(text)


def _id_of(text: str | None) -> str | int | None:
    """Return the id of a message that is refused unread, for its sender waits for an answer."""
    try:
        return _decode(text).id
    except RealtimeError as error:
        return error.request_id


# Servers import their routes, and with them this module, before they serve anything.
shutdown.install()
