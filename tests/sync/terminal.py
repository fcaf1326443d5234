"""A person before a terminal who runs a command."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

from tests.support.environment import ROOT, child_environment


def run_with_a_terminal(*arguments: str) -> str:
    """Return what the command writes to the terminal that is its standard error."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    with os.fdopen(terminal, "rb", buffering=0) as shown:
        process = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=end, timeout=120,
        )  # fmt: skip
        os.write(end, b"\x00")
        os.close(end)
        text = b""
        while not text.endswith(b"\x00"):
            text += shown.read(4096)
    assert process.returncode == 0, text
    return text[:-1].decode()
