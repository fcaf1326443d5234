"""Ids of transactions grow with time and are never the same."""

from __future__ import annotations

import uuid

from sync import ordered_ids
from sync.ordered_ids import ordered_id


def test_an_id_is_a_uuid_of_version_7():
    found = ordered_id()
    assert (found.version, found.variant) == (7, uuid.RFC_4122)


def test_ids_grow_with_the_clock(monkeypatch):
    made = []
    for milliseconds in (1, 2, 1_000, 1_790_000_000_000):
        monkeypatch.setattr(ordered_ids.time, "time_ns", lambda ms=milliseconds: ms * 1_000_000)
        made.append(ordered_id())
        assert made[-1].int >> 80 == milliseconds
    assert made == sorted(made)


def test_ids_of_one_moment_differ(monkeypatch):
    monkeypatch.setattr(ordered_ids.time, "time_ns", lambda: 0)
    assert len({ordered_id() for _ in range(1000)}) == 1000
    assert len({ordered_id().hex[-8:] for _ in range(100)}) > 95
