"""Management commands in processes of their own, on the test database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests.support.environment import ROOT, child_environment

SECONDS = 120


def manage(
    *arguments: str,
    input: str | None = None,
    settings: str = "tests.settings",
    redis_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments; raises with what it printed if it fails."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT,
        env=child_environment(settings=settings, redis_url=redis_url, extra=environment),
        input=input or "",
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if check and done.returncode:
        raise AssertionError(
            f"manage.py {' '.join(arguments)} ended with code {done.returncode}:\n"
            f"{done.stdout}{done.stderr}"
        )
    return done
