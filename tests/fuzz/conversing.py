"""A whole conversation as a list of steps, and as the bytes a fuzzer mutates: a step a line."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from tests.fuzz.peer import Peer
from tests.fuzz.vocabulary import CURSOR, TOKEN
from tests.fuzz.world import World


class Step(enum.StrEnum):
    """What happens between the messages of a client."""

    SAVE = ">save"
    """Somebody changes a record."""
    LOOK = ">look"
    """The relay looks at the log."""
    SETTLE = ">settle"
    """The client waits for its answers."""
    RECONNECT = ">reconnect"
    """The connection is cut, with whatever is under way, and another is opened."""
    STRANGER = ">stranger"
    """The same, but nobody says who it is."""


Frame = str | bytes
BEARER = [(b"authorization", f"Bearer {TOKEN}".encode())]


class Conversation:
    """One client's steps; it begins as ada's, known from the handshake."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.peer: Peer | None = None
        self._cursor = ""

    async def take(self, steps: Sequence[Step | Frame]) -> None:
        """Take the steps, and wait until each is taken in; a client that was sent away is gone."""
        for step in steps:
            await self._step(step)
        peer = await self._connected()
        await self._world.touch(peer)
        if peer.closed is not None:
            await self.end()

    async def settle(self) -> None:
        """Wait for all answers, and check them."""
        if self.peer is not None and self.peer.closed is None:
            await self._world.settle(self.peer)

    async def end(self) -> None:
        """Leave, whatever is under way, and check that nothing is left."""
        peer, self.peer = self.peer, None
        if peer is not None:
            self._cursor = peer.cursor or self._cursor
            await self._world.part(peer)

    async def _step(self, step: Step | Frame) -> None:
        if step is Step.SAVE:
            await self._world.save()
        elif step is Step.LOOK:
            self._world.look()
        elif step in (Step.RECONNECT, Step.STRANGER):
            await self.end()
            headers = BEARER if step is Step.RECONNECT else []
            self.peer = await self._world.peer(headers=headers)
        else:
            await self._say(step)

    async def _say(self, step: Step | Frame) -> None:
        peer = await self._connected()
        if peer.closed is not None:
            return
        if step is Step.SETTLE:
            await self._world.settle(peer)
            return
        self._world.frames += 1
        if isinstance(step, bytes):
            peer.send_bytes(step)
        else:
            peer.send_text(step.replace(CURSOR, peer.cursor or self._cursor))

    async def _connected(self) -> Peer:
        if self.peer is None:
            self.peer = await self._world.peer(headers=BEARER)
        return self.peer


def steps_of(data: bytes) -> list[Step | Frame]:
    """Read an input; what is no step is a frame, a line that begins with NUL a binary one."""
    return [_step_of(line) for line in data.split(b"\n")]


def data_of(steps: Sequence[Step | Frame]) -> bytes:
    """Write an input; a line end within a text is written as the space that JSON takes it for."""
    return b"\n".join(
        b"\0" + step.replace(b"\n", b" ")
        if isinstance(step, bytes)
        else step.replace("\n", " ").encode(errors="surrogatepass")
        for step in steps
    )


def _step_of(line: bytes) -> Step | Frame:
    if line.startswith(b"\0"):
        return line[1:]
    text = text_of(line)
    return Step(text) if text in set(Step) else text


def text_of(data: bytes) -> str:
    """Read any bytes as text, lone surrogates among it, for servers differ in what they let by."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode(errors="surrogateescape")
