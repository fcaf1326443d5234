"""A client of the hub that runs on Node, and the packages that tests have from npm."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.support.environment import ROOT
from tests.support.replica import Replica
from tests.support.require import lacking

FOLDER = ROOT / "tests" / "node"
PACKAGES = ("ws", "axe-core")
SECONDS = 30


def install_packages() -> Path:
    """Return the folder of the Node clients, with the packages they need installed once."""
    if all((FOLDER / "node_modules" / name).is_dir() for name in PACKAGES):
        return FOLDER
    npm = shutil.which("npm")
    command = [npm or "npm", "ci", "--no-audit", "--no-fund"]
    done = npm and subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    if not done or done.returncode:
        lacking("node", f"npm could not install {FOLDER / 'package.json'}: {done and done.stderr}")
    return FOLDER


class NodeClient(Replica):
    """A process that prints what it receives; this end keeps its books."""

    def __init__(self, program: str, url: str, token: str, client_id: str, since: str) -> None:
        super().__init__()
        self._command = [program, "watch.mjs", url, token, client_id, since]
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()

    async def wait_for(self, predicate: Callable[[Self], Any]) -> Any:
        """Read on until the predicate holds for this client; returns what it returned."""
        try:
            async with asyncio.timeout(SECONDS):
                while not (found := predicate(self)):
                    self.take(await self._next())
        except TimeoutError:
            raise AssertionError(f"Waited in vain; received: {self.received}") from None
        return found

    async def _next(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, f"the Node client ended; received: {self.received}"
        message: dict[str, Any] = json.loads(line)
        return message
