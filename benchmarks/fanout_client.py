"""Thousands of clients in one thread that do nothing but read and count.

No library is in the way: sockets, `epoll`, one buffer for all. How much it can take is measured
as well (`benchmarks.fanout_control`), for a client that is slower than the server would measure
itself.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from benchmarks.fanout_dialects import Refused, WebSocket
from benchmarks.fanout_frames import Payload, frames_of_at_least

BUFFER_BYTES: Final = 1 << 18
READY_AT_ONCE: Final = 2048
POLL_SECONDS: Final = 0.05
LINGER_NOT: Final = b"\x01\x00\x00\x00\x00\x00\x00\x00"

Address = tuple[str, int]


class Missing(Exception):
    """Not everybody was let in, or has heard everything, in the time given."""


class Member:
    """One client: its socket, the bytes that are not a whole frame yet, what it has heard."""

    __slots__ = ("connection", "events", "read", "rest")

    def __init__(self, connection: socket.socket, read: Callable[[Member, int], None]) -> None:
        self.connection = connection
        self.read = read
        self.rest = b""
        self.events = 0


class Crowd:
    """Clients of one server, as many as were let in so far."""

    def __init__(self, address: Address, dialect: WebSocket) -> None:
        self._address = address
        self._dialect = dialect
        self._request = dialect.request(f"{address[0]}:{address[1]}")
        self._greeting = b""
        self._counter = dialect.counter
        self._unheard = frames_of_at_least(1 << 62)
        self._poll = select.epoll()
        self._members: dict[int, Member] = {}
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._others: list[Payload] = []
        self._patient = False
        self._coming = 0
        self._returning: list[float] = []
        self._heard = 0
        self.bytes = 0
        """All that was read."""
        self.sent_away = 0
        """How often somebody had to come again."""

    def __len__(self) -> int:
        return len(self._members)

    def join(self, count: int, seconds: float, at_once: int = 64, patient: bool = False) -> float:
        """Bring in so many more clients, so many of them at a time; returns the seconds it took.

        Where they are patient, who is sent away comes again when it was told to. Raises `Missing`
        when the time is over, and `Refused`.
        """
        self._greeting = self._dialect.greeting()
        self._patient = patient
        started = time.perf_counter()
        deadline = started + seconds
        left = count
        while left or self._coming or self._returning:
            left += self._due()
            while left and self._coming < at_once:
                self._come()
                left -= 1
            missing = left + self._coming + len(self._returning)
            self._turn(deadline, f"{missing} of {count} clients were not let in", POLL_SECONDS)
        return time.perf_counter() - started

    def hear(self, events: int, seconds: float) -> float:
        """Read until each has heard so many more events; returns the moment of the last one."""
        self._heard = 0
        before = {member: member.events for member in self._members.values()}
        expected = events * len(before)
        deadline = time.perf_counter() + seconds
        while self._heard < expected:
            self._turn(deadline, lambda: f"{self._heard} of {expected} events were delivered")
        moment = time.perf_counter()
        if wrong := sum(member.events - count != events for member, count in before.items()):
            raise Missing(f"{wrong} clients heard more or less than {events} events")
        return moment

    def listen(self, seconds: float) -> None:
        """Read and answer pings for a while."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def close(self) -> None:
        """Cut every connection; none is left to cool down and take up a port."""
        for member in self._members.values():
            member.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            member.connection.close()
        self._members.clear()
        self._poll.close()

    def _turn(self, deadline: float, complaint: str | Callable[[], str], most: float = 1.0) -> None:
        left = deadline - time.perf_counter()
        if left <= 0:
            raise Missing(complaint if isinstance(complaint, str) else complaint())
        self._read(min(left, most))

    def _due(self) -> int:
        """Return how many that were sent away come again now."""
        now = time.perf_counter()
        before = len(self._returning)
        self._returning = [moment for moment in self._returning if moment > now]
        return before - len(self._returning)

    def _read(self, seconds: float) -> None:
        for number, ready in self._poll.poll(seconds, READY_AT_ONCE):
            member = self._members[number]
            try:
                if ready & select.EPOLLOUT:
                    self._connected(member)
                else:
                    self._take(member)
            except (Refused, ConnectionError) as error:
                if not self._patient or member.read == self._count:
                    raise
                self._come_again(number, getattr(error, "retry_after", 1.0))

    def _take(self, member: Member) -> None:
        kept = len(member.rest)
        try:
            if kept:
                self._buffer[:kept] = member.rest
                size = member.connection.recv_into(self._view[kept:])
            else:
                size = member.connection.recv_into(self._buffer)
        except BlockingIOError:
            return
        if not size:
            raise Refused("the server closed a connection")
        self.bytes += size
        member.read(member, kept + size)

    def _come_again(self, number: int, seconds: float) -> None:
        self._members.pop(number).connection.close()
        self._coming -= 1
        self.sent_away += 1
        self._returning.append(time.perf_counter() + seconds)

    def _come(self) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = connection.connect_ex(self._address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, f"no connection to {self._address}")
        self._members[connection.fileno()] = Member(connection, self._shake)
        self._poll.register(connection, select.EPOLLOUT)
        self._coming += 1

    def _connected(self, member: Member) -> None:
        member.connection.send(self._request)
        self._poll.modify(member.connection, select.EPOLLIN)

    def _shake(self, member: Member, size: int) -> None:
        """Read the answer to the opening request."""
        data = bytes(self._buffer[:size])
        head, end, rest = data.partition(self._dialect.end)
        if not end:
            member.rest = data
            return
        if not head.startswith(self._dialect.status):
            raise Refused(head.partition(b"\r\n")[0].decode(errors="replace"))
        if self._greeting:
            member.connection.send(self._greeting)
            member.read = self._greet
        else:
            self._let_in(member)
        self._buffer[: len(rest)] = rest
        member.rest = b""
        if rest:
            member.read(member, len(rest))

    def _greet(self, member: Member, size: int) -> None:
        """Read what the server says before the client is in."""
        _, end = self._unheard(self._buffer, size, self._others)
        member.rest = bytes(self._buffer[end:size])
        said, self._others = self._others, []
        for payload in said:
            self._answer(member, payload)
            if member.read == self._greet and self._dialect.is_in(payload[1]):
                self._let_in(member)

    def _let_in(self, member: Member) -> None:
        member.read = self._count
        self._coming -= 1

    def _count(self, member: Member, size: int) -> None:
        events, end = self._counter(self._buffer, size, self._others)
        member.rest = bytes(self._buffer[end:size]) if end < size else b""
        member.events += events
        self._heard += events
        if self._others:
            said, self._others = self._others, []
            for payload in said:
                self._answer(member, payload)

    def _answer(self, member: Member, payload: Payload) -> None:
        if answer := self._dialect.answer(payload):
            member.connection.send(answer)
