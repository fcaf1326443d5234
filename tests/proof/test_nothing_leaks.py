"""Nothing leaks: random users, rights, records and clients over several servers, and an oracle."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.proof.proof import Proof, Size, hub_options
from tests.support.environment import database_kind

STEPS = int(os.environ.get("HUB_TEST_PROOF_STEPS", "300"))
HUBS = 2


@pytest.fixture
def hubs(start_hub, request):
    """Servers on one database: with Redis between them, or without any channel layer."""
    with_redis = database_kind() == "postgresql"
    redis_url = request.getfixturevalue("redis_url") if with_redis else None
    return [start_hub(**hub_options(), redis_url=redis_url) for _ in range(HUBS)]


@pytest.mark.parametrize("seed", [1, pytest.param(None, id="random")])
async def test_no_client_is_sent_what_its_user_may_not_hear_nor_misses_what_it_may(hubs, seed):
    seed = secrets.randbelow(10**6) if seed is None else seed
    print(f"The seed is {seed}.")
    proof = Proof([hub.ws_url for hub in hubs], Size(STEPS), seed)
    figures = await proof.run()
    assert proof.violations == 0, "\n".join(
        [f"seed {seed}", *proof.oracle.violations, *proof.traces]
    )
    assert min(figures["values checked"], figures["told of a loss"], figures["resets"]) > 0
    assert figures["steps"] >= STEPS
