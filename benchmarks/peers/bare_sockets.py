"""No server at all: a loop that hands finished frames to sockets. For the control measurement.

`/burst/N` sends N frames, each to every client; `/heap/N` sends each client N frames in one piece.
"""

import json
import selectors
import socket
import struct
import sys

from benchmarks.peers.event import event

clients = []
selector = selectors.DefaultSelector()


def frame(number):
    payload = json.dumps(event(number)).encode()
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


def take(connection):
    path = connection.recv(4096).partition(b" ")[2].partition(b" ")[0].decode()
    selector.unregister(connection)
    if path.startswith("/ws/"):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        clients.append(connection)
        return
    if not path:
        connection.close()
        return
    _, kind, count = path.split("/")
    frames = [frame(number) for number in range(int(count))]
    for data in frames if kind == "burst" else [b"".join(frames)]:
        for client in clients:
            client.sendall(data)
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    connection.close()


def main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            else:
                take(key.fileobj)


main(int(sys.argv[1]))
