"""What autobahn's debug lines are given."""

from __future__ import annotations

from pprint import pformat

import pytest
from autobahn.websocket import protocol

from realtime import draining, handshakes, listening, shutdown, tether


@pytest.fixture
def spared(monkeypatch):
    monkeypatch.setattr(protocol, "pformat", pformat)
    handshakes.spare()
    return protocol


def test_a_server_spares_its_handshakes(monkeypatch):
    monkeypatch.setattr(protocol, "pformat", pformat)
    for module, name in ((listening, "prepare"), (draining, "take_sigterm"), (tether, "tie")):
        monkeypatch.setattr(module, name, lambda *given: None)
    shutdown._serve()
    assert protocol.pformat is not pformat


def test_a_list_is_written_when_it_is_logged(spared):
    configuration = [("openHandshakeTimeout", 5, "WebSocketServerFactory")]
    assert spared.pformat(configuration) is configuration


def test_all_else_is_written_as_before(spared):
    timings = {"a" * 50: 1, "b" * 50: 2}
    assert spared.pformat(timings) == pformat(timings)


def test_a_version_that_writes_it_otherwise_is_left_alone(spared, monkeypatch):
    monkeypatch.setattr(protocol, "pformat", repr)
    handshakes.spare()
    assert protocol.pformat is repr
    monkeypatch.delattr(protocol, "pformat")
    handshakes.spare()
    assert not hasattr(protocol, "pformat")
