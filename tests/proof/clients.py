"""The clients of a proof: each keeps its replica in a way of its own, and comes and goes."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import socket
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.proof.manners import Manner
from tests.proof.oracle import Closed, Sent
from tests.proof.world import MEMOS, Pass
from tests.support.client import SECONDS, HubClient
from tests.support.replica import Message, is_change_event

VALUE: Final = re.compile(r"value-\d+-")
PROBE: Final = "probe-"
RECEIVE_BUFFER: Final = 4096
KEPT: Final = 5
SHOWN: Final = 30


class Refused(Exception):
    """The hub answered with an `error`."""


class ProofClient(HubClient):
    """Remembers what it was sent for the oracle to judge, beside keeping its replica."""

    def __init__(self, name: str, manner: Manner, user: Any, seed: str) -> None:
        super().__init__("", token_in="hello" if manner.says_hello else "header")
        self.name = f"{name} ({manner.name})"
        self.manner = manner
        self.user = user
        self.counts: Counter[str] = Counter()
        self.sent: list[Sent] = []
        self.ended: list[Closed] = []
        self.complaints: list[tuple[str, str]] = []
        self.asked: frozenset[str] | None = None
        self.credential = ""
        self.judged = 0
        self.recent: deque[str] = deque(maxlen=SHOWN)
        """The last messages but events, shortened, for whoever looks for what went wrong."""
        self._chance = random.Random(seed)
        self._since: str | None = None
        self._told: set[str] | None = None
        self._began = 0.0
        self._leaves = False
        self._requests = itertools.count(1)
        self._may_read = asyncio.Event()
        self._may_read.set()

    def carry(self, of: Pass) -> None:
        """Come with this credential from the next connection on."""
        self.token, self.credential = of.token, of.credential

    def begin_connection(self) -> None:
        """Start from an empty store where there is no position to go on from."""
        is_half_filled = self._fresh is not None
        if not self.manner.names:
            self.held = None  # it keeps no books of that: the hub has to know
        super().begin_connection()
        if is_half_filled:
            self._since = None
        if (self.cursor if self.manner.by == "cursor" else self._since) is None:
            self.forget()

    def forget(self) -> None:
        """Drop the replica."""
        self.cursor = self._since = self.held = self._fresh = None
        self._is_whole = False
        self.state.clear()
        self._of.clear()

    async def come(self, url: str, permitted: frozenset[str]) -> None:
        """Connect and catch up; `permitted` is what the user is thought to hold.

        Raises `Refused` for an error, and what `HubClient` raises where the connection ends.
        """
        self.url = url
        self._began = time.monotonic()
        self._leaves = False
        self._told = None
        await self.connect()
        self.recent.append(f"{self._began:.3f} came to {url}")
        self.counts["connections"] += 1
        if not self.manner.says_hello:
            await self._catch_up()
            return
        comes_back = self.cursor is not None
        await self.introduce(permitted)
        if not comes_back:
            await self._catch_up()
            return
        await self.wait_for(lambda client: client.caught_up)

    async def introduce(self, permitted: frozenset[str]) -> None:
        """Say hello, as the manner has it."""
        fields: Message = {"type": "hello", "token": self.token}
        if self.cursor is not None:
            fields["cursor"] = self.cursor
        if self.manner.names and self.held is not None:
            fields["heldAudiences"] = sorted(self.held)
        if self.manner.batch:
            fields["batch"] = True
        if self.manner.tables is not None:
            fields["tables"] = list(self.manner.tables)
        if self.manner.narrows:
            some = sorted(permitted)
            self.asked = frozenset(self._chance.sample(some, (len(some) + 1) // 2))
            fields["audiences"] = sorted(self.asked)
        await self.request(fields)

    async def request(self, message: Message, prefix: str = "ask-") -> Message:
        """Send a message and return its answer; raises `Refused` where that is an error."""
        number = f"{prefix}{next(self._requests)}"
        await self.send(message | {"id": number})
        answer = await self._claim(lambda found: found.get("id") == number)
        if answer["type"] == "error":
            if answer["code"] not in ("forbidden", "unauthenticated"):
                self.complaints.append(("unexpected error", f"{self.name}: {answer}"))
            raise Refused(answer["code"])
        return answer

    async def probe(self, audience: str) -> None:
        """Ask for the records of one audience beside the replica, whether or not it may be."""
        asked = {"type": "sync_request", "tables": [MEMOS], "audiences": [audience]}
        try:
            await self.request(asked, PROBE)
            self.counts["probes answered"] += 1
        except Refused:
            self.counts["probes refused"] += 1

    async def leave(self, *, drops: bool) -> None:
        """Go away, with or without a word."""
        self._leaves = True
        self._may_read.set()
        await (self.drop() if drops else self.close())

    async def connect(self) -> ProofClient:
        """Open a connection; of one that reads slowly the kernel takes little."""
        assert self._socket is None, "leave the former connection first"
        self.begin_connection()
        self._unclaimed.clear()
        raw = socket.socket()
        if self.manner.reads_slowly:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        raw.setblocking(False)
        address = urlsplit(self.url)
        try:
            await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
        except BaseException:  # also when cancelled: nobody else knows of the socket yet
            raw.close()
            raise
        self._socket = await connect(
            self.url,
            sock=raw,
            additional_headers=self._request_headers(),
            proxy=None,
            max_size=None,
            max_queue=4,
            compression=None,
            ping_interval=None,
            open_timeout=SECONDS,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    def read_no_more(self) -> None:
        """Leave unread what comes, until `read_on`."""
        self._may_read.clear()

    def read_on(self) -> None:
        """Read again."""
        self._may_read.set()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for raw in socket:
                await self._may_read.wait()
                assert isinstance(raw, str), "the hub sends text frames only"
                self._observe(raw, message := json.loads(raw))
                self._take(message)
                self._tell_news()
        except ConnectionClosed:
            pass
        except Exception as failure:
            self._failure = failure
        finally:
            self._note_end(socket)
            self._tell_news()

    def _note_end(self, socket: ClientConnection) -> None:
        code = socket.close_code or 1006
        if not self._leaves and not self._failure:
            now = time.monotonic()
            is_slow = self.manner.reads_slowly
            self.ended.append(Closed(self.name, self.credential, self._began, now, code, is_slow))

    async def send(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send a message, as `HubClient` does."""
        self.recent.append(f"{time.monotonic():.3f} > {message}")
        await super().send(message)

    def _observe(self, raw: str, message: Message) -> None:
        if message["type"] != "event":
            self.recent.append(f"{time.monotonic():.3f} < {_shortened(message)}")
        self.counts["frames"] += 1
        changes = [(one["audience"], one["transaction"]) for one in _changes(message)]
        self.counts["changes received"] += len(changes)
        values = frozenset(VALUE.findall(raw))
        if values or changes:
            now = time.monotonic()
            self.sent.append(Sent(self.name, self.credential, now, values, tuple(changes)))
        if message["type"] in ("welcome", "audiences"):
            self._told = set(message["audiences"])
            self.counts["told of a loss"] += bool(message.get("lost"))
            self.counts["told of a gain"] += bool(message.get("gained"))
        foreign = {audience for audience, _ in changes} - (self._told or set())
        if self._told is not None and foreign:
            text = f"{self.name} was told of {sorted(self._told)} and sent {raw[:300]}"
            self.complaints.append(("heard after being told", text))

    def _take(self, message: Message) -> None:
        if str(message.get("id", "")).startswith(PROBE):
            self._unclaimed.append(message)
            return
        if self.manner.says_hello and self._told is None:
            self._unclaimed.append(message)  # not narrowed yet; what follows `welcome` has it all
        elif message["type"] == "event":
            self.take(message)
        else:
            super()._take(message)
        del self.received[:-KEPT]

    def _take_page(self, page: Message) -> None:
        super()._take_page(page)
        if "audiences" not in page:
            self._since = page["syncTimestamp"]

    async def _catch_up(self) -> None:
        has_more = True
        while has_more:
            start = self.cursor if self.manner.by == "cursor" else self._since
            asked = {} if start is None else {self.manner.by: start}
            has_more = (await self.request({"type": "sync_request"} | asked))["hasMore"]


def _shortened(message: Message) -> Message:
    """Leave out what the records hold."""
    shown = {"changes", "events", "data", "limits"} & message.keys()
    return message | {name: len(message[name]) for name in shown}


def _changes(message: Message) -> Sequence[Message]:
    if message["type"] == "sync_response":
        found: list[Message] = message["changes"]
        return found
    if message["type"] == "events":
        return [
            one["data"] for one in message["events"] if is_change_event({"type": "event"} | one)
        ]
    return [message["data"]] if is_change_event(message) else []
