"""The proof can fail: each fault that is planted into the hubs is found."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.proof.faults import FAULTS, VARIABLE
from tests.proof.proof import VIOLATIONS, Proof, Size, hub_options

STEPS = int(os.environ.get("HUB_TEST_FAULT_STEPS", "3000"))

USUAL = ("keep_what_was_lost", "read_notices_before_the_log", "send_pages_unconfirmed")
"""Those that every run of the tests plants; `HUB_TEST_ALL_FAULTS=1` plants the others as well."""

FOUND_AS = {
    "keep_what_was_lost": {"foreign value", "heard after being told", "records kept after loss"},
    "read_notices_before_the_log": {"foreign value", "foreign change"},
    "send_pages_unconfirmed": {"foreign value", "foreign change"},
    "hear_everything": {"foreign value"},
    "tell_nobody": {"records kept after loss"},
    "look_at_no_rights_again": {"foreign value", "foreign change", "records kept after loss"},
    "send_nothing_of_what_was_gained": {"permitted records missing"},
    "remember_no_rights": {"records kept after loss", "permitted records missing"},
    "forget_no_moves": {"records kept after loss"},
    "admit_who_was_let_in_before": {"foreign value", "foreign change"},
}
"""By which of its checks; the others may find it as well."""


def test_every_fault_is_expected_somewhere():
    assert FOUND_AS.keys() == FAULTS.keys()
    assert set().union(*FOUND_AS.values()) <= set(VIOLATIONS)


@pytest.mark.parametrize("fault", FAULTS if "HUB_TEST_ALL_FAULTS" in os.environ else USUAL)
async def test_a_planted_fault_is_found(start_hub, fault):
    options = hub_options(INSTALLED_APPS=["tests.proof.faults.FaultyConfig"])
    options["environment"] |= {VARIABLE: fault}
    hubs = [start_hub(**options) for _ in range(2)]
    for hub in hubs:
        hub.expect_traceback("realtime")  # what a fault breaks may fail aloud as well
    seed = secrets.randbelow(10**6)
    print(f"The seed is {seed}.")
    size = Size(STEPS, quiet=3.0, stops_at=frozenset(FOUND_AS[fault]))
    proof = Proof([hub.ws_url for hub in hubs], size, seed)
    figures = await proof.run()
    print({kind: figures[kind] for kind in VIOLATIONS if figures[kind]}, figures["steps"])
    assert any(figures[kind] for kind in FOUND_AS[fault]), f"seed {seed}"
