"""One target under the fuzzer that is guided by coverage, in a process of its own.

    python -m tests.fuzz.guided receiving --inputs 10000

Prints a line of JSON about twice a second, and the last one when it is done. An input that did
what no input may do is kept beside the found ones, and the run goes on.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import sys
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import atheris

REPORT_SECONDS = 0.5
WARM_UP = 0.1
"""The share of the inputs after which memory is measured for the first time: until then caches
fill, and the fuzzer finds most of what it keeps."""
MOST_FAILURES = 25
"""Failures after which a run ends: more of them would only be the same."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=4096)
    parser.add_argument("--directory", type=Path, required=True)
    return parser.parse_args()


class Run:
    """Gives every input to the target, counts, and says when it is enough."""

    def __init__(self, given: argparse.Namespace, stack: ExitStack) -> None:
        from tests.fuzz.targets import TARGETS
        from tests.fuzz.world import World

        self._given = given
        self._stack = stack
        self._make_world: Any = World
        self._make: Any = TARGETS[given.target]
        self._frames = 0
        self._enter()
        self._started = self._reported = time.monotonic()
        self._inputs = 0
        self._found: Counter[str] = Counter()
        self._before: dict[str, int] | None = None

    def one_input(self, data: bytes) -> None:
        """Try one input; never raises but to end the run."""
        try:
            self._target(data)
        except Exception as error:
            self._keep(data, error)
            self._frames += self._world.frames
            self._enter()
        self._inputs += 1
        self._after_one()

    def _after_one(self) -> None:
        now = time.monotonic()
        share = self._inputs / self._given.inputs
        if self._given.seconds:
            share = max(share, (now - self._started) / self._given.seconds)
        if self._before is None and share >= WARM_UP:
            self._before = memory()
        if share >= 1 or sum(self._found.values()) >= MOST_FAILURES:
            self._target.close()
            self._report(final=True)
            self._stack.close()
            sys.stdout.flush()
            os._exit(0)  # libFuzzer's own end is an error code, and it would run on after ours
        if now - self._reported > REPORT_SECONDS:
            self._reported = now
            self._report(final=False)

    def _enter(self) -> None:
        self._stack.close()
        self._world: Any = self._stack.enter_context(self._make_world())
        self._target: Any = self._make(self._world)

    def _keep(self, data: bytes, error: Exception) -> None:
        from tests.fuzz.findings import Kind

        self._found[getattr(error, "kind", Kind.CRASH)] += 1
        transcript = getattr(self._target, "transcript", None)
        whole = b"\n".join(transcript) if transcript else data
        path = self._given.directory / "failures" / self._given.target
        path.mkdir(parents=True, exist_ok=True)
        (path / hashlib.sha256(whole).hexdigest()[:16]).write_bytes(whole)
        traceback.print_exception(error)

    def _report(self, final: bool) -> None:
        report = {"inputs": self._inputs, "found": self._found, "final": final}
        report["frames"] = self._frames + self._world.frames
        if final:
            report |= {"seconds": time.monotonic() - self._started}
            report |= {"before": self._before, "after": memory()}
        print(json.dumps(report), flush=True)


def memory() -> dict[str, int]:
    """Return what the process holds: bytes of memory, and objects that Python keeps track of."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"bytes": pages * os.sysconf("SC_PAGE_SIZE"), "objects": len(gc.get_objects())}


def set_up() -> None:
    """Import the hub under instrumentation, on a database of this process's own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.fuzz.fuzz_settings"
    with atheris.instrument_imports(include=["realtime", "sync"]):
        import django

        django.setup()
        import realtime.routing  # noqa: F401
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def prepare_files(given: argparse.Namespace) -> tuple[Path, Path, Path]:
    """Write the seeds and the dictionary; returns the place for finds, the seeds, and the words."""
    from tests.fuzz.seeds import kept, seeds
    from tests.fuzz.vocabulary import words

    found = given.directory / "found" / given.target
    start = given.directory / "seeds" / given.target
    for path in (found, start):
        path.mkdir(parents=True, exist_ok=True)
    for data in (*seeds(given.target), *(path.read_bytes() for path in kept(given.target))):
        (start / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    dictionary = given.directory / "words"
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in encoded(words()))
    dictionary.write_text("\n".join(lines) + "\n")
    return found, start, dictionary


def encoded(words: list[str]) -> list[bytes]:
    return [word.encode(errors="surrogatepass") for word in words]


def main() -> None:
    given = arguments()
    set_up()
    from tests.fuzz.mutating import Mutator

    found, start, dictionary = prepare_files(given)
    run = Run(given, ExitStack())
    options = [
        f"-dict={dictionary}",
        f"-seed={given.seed}",
        f"-max_len={given.max_length}",
        "-timeout=120",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={given.directory}/{given.target}-",
        str(found),
        str(start),
    ]
    # Looked up each time: atheris puts the real function in its place only once it runs.
    mutator = Mutator(lambda data, most: atheris.Mutate(data, most))
    atheris.Setup([sys.argv[0], *options], run.one_input, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
