"""What is measured on a real server is what it sent."""

from __future__ import annotations

import sys

import pytest

from benchmarks.fanout_client import Missing
from benchmarks.fanout_measures import client_capacity, crowd_of, idle_bytes, speed, storm
from benchmarks.fanout_subjects import CHANNELS, Subject, burst, peers

BROADCAST = Subject(
    "websockets broadcast()",
    (sys.executable, "-m", "benchmarks.peers.websockets_broadcast", "{port}"),
    most=20,
)
CLIENTS = 10


def test_every_message_of_a_burst_is_measured():
    with crowd_of(BROADCAST) as (server, crowd):
        crowd.join(CLIENTS, seconds=60)
        found = speed(server, crowd, burst, BROADCAST.most, seconds=0.2)
        assert len(crowd) == CLIENTS
    assert 200 <= found.bytes <= 230
    assert found.rate > 0
    assert found.microseconds > 0


def test_channels_in_memory_need_no_redis():
    """Whatever settings this process has: the server has its own."""
    (subject,) = (one for one in peers("redis://127.0.0.1:1/0") if one.name == CHANNELS)
    with crowd_of(subject) as (server, crowd):
        crowd.join(CLIENTS, seconds=60)
        found = speed(server, crowd, burst, 10, seconds=0.2)
    assert 200 <= found.bytes <= 230


def test_a_server_that_sends_too_little_is_not_measured(monkeypatch):
    monkeypatch.setattr("benchmarks.fanout_measures.HEAR_SECONDS", 0.5)
    with crowd_of(BROADCAST) as (server, crowd):
        crowd.join(CLIENTS, seconds=60)
        with pytest.raises(Missing):
            speed(server, crowd, lambda server, events: burst(server, events - 1), 20, seconds=0.2)


def test_clients_that_come_at_once_are_let_in():
    found = storm(BROADCAST, CLIENTS)
    assert found.sent_away == 0
    assert found.cpu_seconds > 0


def test_connections_take_memory():
    assert idle_bytes(BROADCAST, 200) > 1000


def test_the_load_client_is_measured_by_itself():
    single, heaped, bare = client_capacity(CLIENTS, seconds=0.1)
    assert single > 0
    assert heaped > 0
    assert bare.rate > 0
