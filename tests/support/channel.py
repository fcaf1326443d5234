"""What is said on the channel layer, heard by a test beside the hubs."""

from __future__ import annotations

from typing import Self

from realtime.conf import conf
from tests.support.redis import RedisServer

SECONDS = 10


class Eavesdropper:
    """Hears every announcement from the moment it is entered."""

    def __init__(self, server: RedisServer) -> None:
        self._redis = server.client()
        self._ear = self._redis.pubsub(ignore_subscribe_messages=True)

    def __enter__(self) -> Self:
        self._ear.psubscribe(f"*{conf().GROUP}*")
        self._redis.ping()
        self._ear.get_message(timeout=SECONDS)
        return self

    def __exit__(self, *exc: object) -> None:
        self._ear.close()
        self._redis.close()

    def heard(self) -> bool:
        """Say whether there has been an announcement since the last look."""
        # Redis answers in order: what was published before this ping has arrived by its answer.
        self._ear.ping()
        announced = False
        while message := self._ear.get_message(timeout=SECONDS):
            if message["type"] == "pong":
                return announced
            announced = True
        raise AssertionError("Redis does not answer")


def listeners(server: RedisServer) -> int:
    """Return how many relays hear what is announced."""
    with server.client() as redis:
        channels = redis.pubsub_channels(f"*{conf().GROUP}*")
        return sum(count for _, count in redis.pubsub_numsub(*channels)) if channels else 0
