"""The planner heard by everybody, for tests of how changes travel and not of who hears them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from sync.registry import EVERYONE, registry


@contextmanager
def open_planner() -> Iterator[None]:
    """Record what this process writes to the planner for everyone."""
    of_host = [found for found in registry if found.model._meta.app_label == "hubproject"]
    for registration in of_host:
        registry.remove(registration.model)
        registry.add(dataclasses.replace(registration, audience=EVERYONE))
    try:
        yield
    finally:
        for registration in of_host:
            registry.remove(registration.model)
            registry.add(registration)
