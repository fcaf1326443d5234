"""The sockets of `hub_serve`: one for each worker, on one port."""

from __future__ import annotations

import contextlib
import socket

import pytest

from realtime import queues
from realtime.errors import CannotServe
from tests.support.loopback import HOST

CONNECTIONS = 64


@pytest.fixture
def pair():
    with contextlib.ExitStack() as stack:
        opened = queues.on_port(HOST, 0, 2)
        for queue in opened:
            stack.callback(queue.close)
        yield opened


def waiting(queue):
    """Accept what waits in a queue, and return how many came to it."""
    listener, count = queue.open(), 0
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def connect(queue, stack):
    address = queue.open().getsockname()
    for _ in range(CONNECTIONS):
        stack.enter_context(socket.create_connection(address))


def test_connections_are_spread_over_the_queues(pair):
    with contextlib.ExitStack() as stack:
        connect(pair[0], stack)
        counts = [waiting(queue) for queue in pair]
    assert sum(counts) == CONNECTIONS
    assert min(counts) > CONNECTIONS / 8


def test_a_queue_that_is_closed_leaves_its_connections_to_the_other(pair):
    with contextlib.ExitStack() as stack:
        address = pair[0].open().getsockname()
        pair[1].close()
        connect(pair[0], stack)
        assert waiting(pair[0]) == CONNECTIONS
        assert pair[1].open().getsockname() == address
        connect(pair[0], stack)
        assert waiting(pair[1]) > CONNECTIONS / 8


def test_a_port_belongs_to_one_service(pair):
    port = pair[0].open().getsockname()[1]
    with pytest.raises(CannotServe, match=f"port {port}"):
        queues.on_port(HOST, port, 2)


def test_a_unix_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    [queue, same] = queues.on_path(path, 2)
    assert queue is same
    with queue.open() as listener:
        assert (queue.domain, listener.getsockname()) == ("UNIX", path)
        with pytest.raises(CannotServe, match="socket"):
            queues.on_path(path, 1)


def test_something_else_than_a_socket_is_not_unlinked(tmp_path):
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(CannotServe):
        queues.on_path(str(path), 1)
    assert path.read_text() == "precious"


def test_a_socket_that_does_not_listen_is_refused():
    with socket.socket() as unused, pytest.raises(CannotServe, match="no socket that listens"):
        queues.inherited(unused.detach(), 1)
