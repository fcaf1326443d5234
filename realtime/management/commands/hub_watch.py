"""`manage.py hub_watch`: connect as a client and print every change as it arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

PAGE = "page"


class Credential:
    """What the command comes with: a token, or a code until that has become one."""

    def __init__(self, fields: dict[str, str], file: Path | None = None) -> None:
        self.fields = fields
        self._file = file

    def take(self, token: str) -> None:
        """Go on with the token that a code was exchanged for, and write it to the file if there is
        one."""
        self.fields = {"token": token}
        if self._file is not None:
            self._file.write_text(token + "\n")

    def close(self) -> None:
        """Leave no empty file where the code was not good for a token."""
        if "pairingCode" in self.fields and self._file is not None:
            self._file.unlink()


class Command(BaseCommand):
    help = "Connect to a hub as a client and print every change, one line each, until Ctrl-C."
    requires_system_checks: list[str] = []
    _cursor: str | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="ws://127.0.0.1:8000/ws/")
        parser.add_argument("--token", help="a device token, or one of the host's own")
        parser.add_argument(
            "--token-file", type=Path, help="a file that holds a token; with --pair, one to write"
        )
        parser.add_argument(
            "--pair", metavar="CODE", help="a pairing code, to be exchanged for a device token"
        )
        parser.add_argument("--json", action="store_true", help="print the messages as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        credential = _credential(options["token"], options["token_file"], options["pair"])
        try:
            asyncio.run(self._watch(options["url"], credential, raw=options["json"]))
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
        finally:
            credential.close()

    async def _watch(self, url: str, credential: Credential, *, raw: bool) -> None:
        library = _websockets()
        try:
            # With the growing delays of the library between one connection and the next.
            async with contextlib.aclosing(aiter(library.connect(url, max_size=None))) as sockets:
                async for socket in sockets:
                    with contextlib.suppress(library.ConnectionClosed):
                        await self._follow(socket, credential, raw=raw)
        except (library.InvalidStatus, library.InvalidURI) as error:
            raise CommandError(f"{url} cannot be watched: {error}") from error

    async def _follow(self, socket: Any, credential: Credential, *, raw: bool) -> None:
        """Show what one connection says; the cursor outlives it."""
        hello = {"type": "hello", "cursor": self._cursor, "platform": sys.platform}
        await socket.send(json.dumps(hello | credential.fields))
        async for text in socket:
            message = json.loads(text)
            if token := message.pop("deviceToken", None):
                credential.take(token)
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
        if message["type"] == "goodbye" and not message["reconnect"]:
            raise CommandError(message["reason"])
        if raw:
            return
        if message["type"] == "event":
            self.stdout.write(_line(message))
        elif message["type"] == "sync_response":
            self.stdout.write(f"{len(message['changes'])} changes caught up")
        elif message["type"] == "welcome":
            self.stdout.write(f"connected as {message['clientId']}")


def _credential(token: str | None, file: Path | None, code: str | None) -> Credential:
    if (token is not None) == (file is not None or code is not None):
        raise CommandError("Give one of --token, --token-file and --pair.")
    try:
        if code is not None:
            if file is not None:
                file.touch(mode=0o600, exist_ok=False)  # now, before the code is used up
            return Credential({"pairingCode": code}, file)
        return Credential({"token": file.read_text().strip() if file else str(token)})
    except FileExistsError:
        raise CommandError(f"{file} exists: name a new file for the token.") from None
    except OSError as error:
        raise CommandError(f"The token file cannot be used: {error}") from error


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
