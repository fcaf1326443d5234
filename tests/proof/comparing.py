"""Whether the replica of a client is what the database has for its user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.proof.clients import ProofClient
from tests.support.state import State, database_state


def states_of(audiences: Iterable[str]) -> dict[str, State]:
    """Return what the database has for each audience."""
    return {audience: database_state({audience}) for audience in audiences}


def differences(
    client: ProofClient, held: frozenset[str], states: Mapping[str, State]
) -> list[tuple[str, str]]:
    """Return how a client at rest differs from what it has to be, each as kind and text."""
    if not held:
        return [("records kept after loss", f"{client.name} is open")] if client.is_open else []
    if not client.is_open:
        return [("permitted records missing", f"{client.name} is not connected")]
    wanted = _wanted(client, held, states)
    known = {key for state in states.values() for key in state}
    who = f"{client.name}, who holds {sorted(held)},"
    found: list[tuple[str, str]] = []
    for key in client.state.keys() - wanted.keys():
        where = "which it may not hear" if key in known else "which is gone"
        found.append(("records kept after loss", f"{who} keeps {key}, {where}"))
    for key in wanted.keys() - client.state.keys():
        found.append(("permitted records missing", f"{who} lacks {key}"))
    for key in wanted.keys() & client.state.keys():
        if wanted[key] != client.state[key]:
            text = f"{who} has {str(client.state[key])[:200]}, not {str(wanted[key])[:200]}"
            found.append(("records other than in the database", text))
    return found


def _wanted(client: ProofClient, held: frozenset[str], states: Mapping[str, State]) -> State:
    if client.manner.narrows and client.asked is not None:
        held &= client.asked
    wanted: State = {}
    for audience in held:
        wanted |= states[audience]
    tables = client.manner.tables
    return wanted if tables is None else {key: wanted[key] for key in wanted if key[0] in tables}
