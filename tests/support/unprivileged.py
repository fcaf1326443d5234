"""Leaves root for a server program that refuses to run as root, or should not."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from tests.support.loopback import ServerFailed

UNPRIVILEGED = ("nobody", "postgres", "daemon")


def run_as() -> dict[str, Any]:
    """Return the `subprocess` arguments that leave root; none where this process is not root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not known:
        raise ServerFailed("a database cannot run as root and this machine has no other user")
    entry = next((known[name] for name in UNPRIVILEGED if name in known), None)
    entry = entry or next(iter(known.values()))
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def hand_over(identity: dict[str, Any], *paths: Path) -> None:
    """Give files of this process to the server's user."""
    for path in paths if identity else ():
        os.chown(path, identity["user"], identity["group"])


def may_run(program: Path, identity: dict[str, Any]) -> bool:
    """Say whether the server's user can start this program where it is."""
    with contextlib.suppress(PermissionError):
        done = subprocess.run([program, "--version"], cwd="/", capture_output=True, **identity)
        return done.returncode == 0
    return False
