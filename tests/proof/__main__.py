"""The proof that nothing leaks, at length: `make prove`.

Starts a database, several hubs and, beside PostgreSQL, a Redis on the loopback interface, ends them
all, prints what was counted, and exits with 1 if anything was found that must not be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6000, help="on each database (6000)")
    parser.add_argument("--hubs", type=int, default=3, help="server processes (3)")
    parser.add_argument("--clients", type=int, default=18, help="clients (18)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of a former run")
    given = parser.parse_args()
    if not 1 <= given.steps <= 1_000_000 or not 1 <= given.hubs <= 8 or given.clients < 9:
        parser.error("1 to 1,000,000 steps, 1 to 8 hubs and at least 9 clients")
    given.seed = int.from_bytes(os.urandom(3)) if given.seed is None else given.seed
    return given


def prepare() -> None:
    """Have Django use a database of this run's own, whatever the environment offers."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.pop("TEST_DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def start_hubs(stack: ExitStack, count: int) -> list[Any]:
    """Start the hubs, beside PostgreSQL with a Redis between them; all end with the stack."""
    from django.test import override_settings

    from hubproject.channel_layers import channel_layer
    from tests.proof.proof import hub_options
    from tests.support.environment import database_kind
    from tests.support.hub import Hub
    from tests.support.redis import RedisServer

    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-proof-")))
    redis_url = None
    if database_kind() != "sqlite":
        redis_url = stack.enter_context(RedisServer()).url
        layers = {"default": channel_layer(redis_url)}
        stack.enter_context(override_settings(CHANNEL_LAYERS=layers))
    options = hub_options() | {"redis_url": redis_url}
    hubs = [Hub(logs / f"hub-{n}.log", **options) for n in range(count)]
    return [stack.enter_context(hub) for hub in hubs]


async def prove(given: argparse.Namespace, hubs: list[Any]) -> Any:
    from tqdm import tqdm

    from tests.proof.proof import Proof, Size

    proof = Proof([hub.ws_url for hub in hubs], Size(given.steps, given.clients), given.seed)
    with tqdm(total=given.steps, desc="proving", unit="step") as bar:

        def show(proof: Proof) -> None:
            bar.set_postfix(violations=proof.violations)
            bar.update(min(proof.steps, given.steps) - bar.n)

        await proof.run(show)
    return proof


def print_table(found: Counter[str], seconds: float) -> None:
    from tests.proof.proof import VIOLATIONS

    counted = {name: found[name] for name in sorted(found.keys() - set(VIOLATIONS))}
    rows = {"seconds": round(seconds)} | counted | {kind: found[kind] for kind in VIOLATIONS}
    width = max(map(len, rows))
    for name, count in rows.items():
        print(f"{name:<{width}}  {count:>9,}")


def main() -> int:
    given = arguments()
    prepare()
    from tests.support.environment import database_kind

    print(f"{database_kind()}, {given.hubs} hubs, seed {given.seed}", flush=True)
    started = time.monotonic()
    with ExitStack() as stack:
        hubs = start_hubs(stack, given.hubs)
        proof = asyncio.run(prove(given, hubs))
        complaints = list(filter(None, (hub.complaint() for hub in hubs)))
    print_table(proof.figures, time.monotonic() - started)
    print(f"latest value after an unannounced loss: {proof.oracle.latest:.2f} s")
    print(*proof.oracle.violations, *proof.traces, *complaints, sep="\n")
    if not proof.violations and not complaints:
        return 0
    print(f"Not as it has to be. Repeat the choices with: --seed {given.seed}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
