"""The `websockets` library: `broadcast()` to the server's connections."""

import asyncio
import http
import json
import sys

from websockets.asyncio.server import broadcast, serve

from benchmarks.peers.event import event

connections = set()
bursts = set()


async def handler(connection):
    connections.add(connection)
    try:
        await connection.wait_closed()
    finally:
        connections.remove(connection)


def burst_or_websocket(connection, request):
    if not request.path.startswith("/burst/"):
        return None
    task = asyncio.create_task(burst(int(request.path.rpartition("/")[2])))
    bursts.add(task)
    task.add_done_callback(bursts.discard)
    return connection.respond(http.HTTPStatus.OK, "")


async def burst(count):
    for number in range(count):
        broadcast(connections, json.dumps(event(number)))
        # "must yield control to the event loop between each message"
        await asyncio.sleep(0)


async def main(port):
    async with serve(handler, "127.0.0.1", port, process_request=burst_or_websocket) as server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
