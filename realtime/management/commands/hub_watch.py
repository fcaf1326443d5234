"""`manage.py hub_watch`: connect as a client and print every change as it arrives."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Connect to a hub as a client and print every change, one line each, until Ctrl-C."
    requires_system_checks: list[str] = []

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
        cursor: str | None = None
        async for socket in _connections(url):
            hello = {"type": "hello", "token": token, "cursor": cursor}
            await socket.send(json.dumps(hello))
            async for message in _messages(socket):
                cursor = message.get("cursor") or cursor
                self._show(message, raw=raw)
                if message["type"] == "welcome" and cursor is None:
                    await socket.send(json.dumps({"type": "sync_request"}))

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


async def _messages(socket: Any) -> AsyncIterator[dict[str, Any]]:
    from websockets.exceptions import ConnectionClosed

    try:
        async for text in socket:
            yield json.loads(text)
    except ConnectionClosed:
        return


async def _connections(url: str) -> AsyncIterator[Any]:
    """Yield one connection after the other, with the growing delays of the library."""
    try:
        from websockets.asyncio.client import connect
    except ImportError as error:
        raise CommandError(
            "Install the client extra: pip install django-sync-hub[client]"
        ) from error
    async for socket in connect(url, max_size=None):
        yield socket
