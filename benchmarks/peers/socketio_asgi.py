"""python-socketio: its asynchronous server as an ASGI application, under uvicorn."""

import socketio

from benchmarks.peers.bursts import burst_application

server = socketio.AsyncServer(async_mode="asgi")


async def send_event(task):
    await server.emit("task", task)


application = socketio.ASGIApp(server, burst_application(send_event))
