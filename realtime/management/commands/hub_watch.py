"""`manage.py hub_watch`: connect as a client and print every change as it arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

PAGE = "page"


class Command(BaseCommand):
    help = "Connect to a hub as a client and print every change, one line each, until Ctrl-C."
    requires_system_checks: list[str] = []
    _cursor: str | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="ws://127.0.0.1:8000/ws/")
        token = parser.add_mutually_exclusive_group(required=True)
        token.add_argument("--token", help="a device token")
        token.add_argument("--token-file", type=Path, help="a file that holds a device token")
        parser.add_argument("--json", action="store_true", help="print the messages as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = options["token"] or options["token_file"].read_text().strip()
        except OSError as error:
            raise CommandError(f"The token cannot be read: {error}") from error
        try:
            asyncio.run(self._watch(options["url"], token, raw=options["json"]))
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")

    async def _watch(self, url: str, token: str, *, raw: bool) -> None:
        library = _websockets()
        try:
            # With the growing delays of the library between one connection and the next.
            async with contextlib.aclosing(aiter(library.connect(url, max_size=None))) as sockets:
                async for socket in sockets:
                    with contextlib.suppress(library.ConnectionClosed):
                        await self._follow(socket, token, raw=raw)
        except (library.InvalidStatus, library.InvalidURI) as error:
            raise CommandError(f"{url} cannot be watched: {error}") from error

    async def _follow(self, socket: Any, token: str, *, raw: bool) -> None:
        """Show what one connection says; the cursor outlives it."""
        hello = {"type": "hello", "token": token, "cursor": self._cursor}
        await socket.send(json.dumps(hello))
        async for text in socket:
            message = json.loads(text)
            self._cursor = message.get("cursor") or self._cursor
            self._show(message, raw=raw)
            self.stdout.flush()  # through a pipe, too, a change is to be seen when it happens
            if message["type"] == "welcome" and self._cursor is None:
                await socket.send(json.dumps({"type": "sync_request", "id": PAGE}))
            elif message.get("id") == PAGE and message.get("hasMore"):
                page = {"type": "sync_request", "id": PAGE, "cursor": message["cursor"]}
                await socket.send(json.dumps(page))

    def _show(self, message: dict[str, Any], *, raw: bool) -> None:
        if raw:
            self.stdout.write(json.dumps(message, ensure_ascii=False))
            return
        if message["type"] == "goodbye" and not message["reconnect"]:
            raise CommandError(message["reason"])
        if message["type"] == "event":
            self.stdout.write(_line(message))
        elif message["type"] == "sync_response":
            self.stdout.write(f"{len(message['changes'])} changes caught up")
        elif message["type"] == "welcome":
            self.stdout.write(f"connected as {message['clientId']}")


def _line(message: dict[str, Any]) -> str:
    change = message["data"]
    if not isinstance(change, dict) or "recordId" not in change:
        return f"{message['timestamp']}  {message['event']}  {json.dumps(change)}"
    fields = ", ".join(change.get("changed", ()))
    return (
        f"{message['timestamp']}  {message['event']}  {change['table']} {change['recordId']}"
        f"  {fields}"
    )


def _websockets() -> Any:
    try:
        import websockets
    except ImportError as error:
        raise CommandError(
            "Install the client extra: pip install django-sync-hub[client]"
        ) from error
    return websockets
