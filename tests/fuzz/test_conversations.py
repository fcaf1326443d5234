"""Whatever is said, in whatever order and whatever happens meanwhile: each message is answered as
the protocol says, nothing is logged as an error, and the connection lives."""

from __future__ import annotations

import gc
import itertools
import json
import random

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.fuzz import mutating, vocabulary
from tests.fuzz.conversing import Conversation, Step, data_of, steps_of
from tests.fuzz.strategies import STEPS

EXAMPLES = settings().max_examples // 2
MANY = 2000
"""Messages of one connection, more than any limit counts."""
BATCH = 50
MOST_OBJECTS = 2000
"""What Python may keep more of after the second half of them than before: nothing, but for what
other threads have at hand."""


async def whole(world, steps):
    """Take the steps on a connection of their own, and part."""
    conversation = Conversation(world)
    try:
        await conversation.take(steps)
        await conversation.settle()
    finally:
        await conversation.end()


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES)
@given(steps=STEPS)
@example(steps=['{"type":"ping","id":""}'])
@example(steps=['{"type":"hello","cursor":"67eaec45-0-00000000","id":"h"}'] * 40)
@example(steps=['{"type":"sync_request","id":"a"}', Step.SAVE, Step.RECONNECT, b"", ""])
@example(steps=[Step.STRANGER, '{"type":"hello","id":1}', '{"type":"sync_request"}'])
def test_each_message_is_answered_and_the_connection_lives(world, steps):
    world.run(whole(world, steps))


@pytest.mark.parametrize(
    ("message", "field", "kind"),
    [
        pytest.param(tag, field, kind, id=f"{tag} {field}")
        for message in vocabulary.CLIENT_MESSAGES
        for tag in [vocabulary.tag(message)]
        for field, kind in vocabulary.fields(message).items()
    ],
)
def test_each_odd_value_of_each_field_is_answered(world, message, field, kind):
    steps = []
    for number, value in enumerate((*vocabulary.values(kind), *vocabulary.WRONG)):
        steps += [
            f'{{"type":{json.dumps(message)},"id":"n{number}",{json.dumps(field)}:{value}}}',
            *([Step.SETTLE] if number % 8 == 7 else []),
            # A bad token ends the connection, and one that was narrowed hears ever less.
            *([Step.RECONNECT] if field == "token" or number % 8 == 7 else []),
        ]
    world.run(whole(world, steps))


def test_all_garbage_there_is_costs_nobody_the_connection(world):
    world.run(whole(world, [*vocabulary.GARBAGE, *vocabulary.WRONG, b"", b"\x00\xff"]))


def test_thousands_of_messages_leave_no_trace(world):
    rng = random.Random(7)
    drawn = (mutating.message(rng) for _ in itertools.count())
    # A bad token may end the connection, and this one is to last.
    messages = list(itertools.islice((one for one in drawn if '"token"' not in one), MANY))

    async def talk():
        counts = []
        conversation = Conversation(world)
        for half in (messages[: MANY // 2], messages[MANY // 2 :]):
            for start in range(0, len(half), BATCH):
                await conversation.take(half[start : start + BATCH])
            await conversation.settle()
            gc.collect()
            counts.append(len(gc.get_objects()))
        await conversation.end()
        return counts

    first, second = world.run(talk())
    assert world.frames == MANY
    assert second - first < MOST_OBJECTS


@settings(deadline=None, max_examples=50)
@given(steps=STEPS)
def test_a_conversation_is_the_same_after_it_was_written_and_read(steps):
    again = steps_of(data_of(steps)) if steps else []
    assert data_of(again) == data_of(steps)
