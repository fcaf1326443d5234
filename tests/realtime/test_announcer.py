"""The announcer: rings once per transaction, after its commit, and never makes a save wait."""

from __future__ import annotations

import sys
import threading
import types
import uuid

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from redis import Redis

from hubproject.models import Project
from realtime import announcer
from realtime.announcer import MAX_WAITING, ring, tell_others
from realtime.layer import HINT
from tests.support.manage import manage

SECONDS = 20

pytestmark = pytest.mark.django_db(transaction=True)


class OnPurpose(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def recording(layer):
    return layer("RecordingLayer")


@pytest.fixture
def hanging(layer, monkeypatch):
    """A layer that hangs for as long as a test wants it to."""
    monkeypatch.setattr(announcer, "SEND_TIMEOUT", 2 * SECONDS)
    return layer("HangingLayer")


def told_after(layer):
    """What was told so far; a marker shows that nothing is still on its way."""
    marker = f"marker {uuid.uuid4()}"
    tell_others({"type": marker})
    layer.wait_for(marker)
    return [kind for kind in layer.sent() if not kind.startswith("marker")]


@pytest.fixture
def rings(django_capture_on_commit_callbacks):
    """Count the rings that an open transaction has asked for."""

    def count(work):
        with django_capture_on_commit_callbacks() as callbacks:
            work()
        return callbacks.count(ring)

    return count


def test_a_commit_is_announced_after_it_and_not_before(recording):
    with transaction.atomic():
        Project.objects.create(name="Move")
        assert told_after(recording) == []
    recording.wait_for(HINT)


def test_each_commit_without_a_transaction_of_its_own_is_announced(recording):
    Project.objects.create(name="Move")
    recording.wait_for(HINT)
    before = told_after(recording).count(HINT)
    Project.objects.update(name="Moved")
    assert told_after(recording).count(HINT) == before + 1


def test_it_is_known_when_this_process_announced_last(recording, monkeypatch):
    monkeypatch.setattr(announcer, "_rung_at", None)
    assert announcer.last_rung() is None
    before = timezone.now()
    Project.objects.create(name="Move")
    assert before <= announcer.last_rung() <= timezone.now()


def test_the_hint_carries_no_data_and_comes_from_the_announcers_own_thread(recording):
    Project.objects.create(name="Move")
    hint = recording.wait_for(HINT)
    assert hint == {"type": HINT, "group": "realtime.relays", "thread": "hub-announcer"}


def test_many_changes_of_one_transaction_ring_once(rings):
    def work():
        for number in range(5):
            project = Project.objects.create(name=str(number))
            project.delete()
        Project.objects.bulk_create([Project(name=str(number)) for number in range(20)])
        with transaction.atomic():
            Project.objects.update(name="all")

    with transaction.atomic():
        assert rings(work) == 1


def test_each_transaction_rings_for_itself(rings):
    for number in range(3):
        with transaction.atomic():
            assert rings(lambda number=number: Project.objects.create(name=str(number))) == 1


def test_what_is_rolled_back_is_not_announced(recording):
    with pytest.raises(OnPurpose), transaction.atomic():
        Project.objects.create(name="Move")
        raise OnPurpose
    assert told_after(recording) == []


def create_and_roll_back():
    with pytest.raises(OnPurpose), transaction.atomic():
        Project.objects.create(name="undone")
        raise OnPurpose


def test_a_savepoint_that_is_rolled_back_is_not_announced(rings):
    with transaction.atomic():
        assert rings(create_and_roll_back) == 0


@pytest.mark.parametrize("order", ["before", "after", "both"])
def test_a_savepoint_that_is_rolled_back_does_not_silence_the_rest(rings, order):
    def work():
        if order != "after":
            Project.objects.create(name="before")
        create_and_roll_back()
        if order != "before":
            Project.objects.create(name="after")

    with transaction.atomic():
        assert rings(work) == 1


def test_a_transaction_after_a_rolled_back_one_rings(rings):
    create_and_roll_back()
    with transaction.atomic():
        assert rings(lambda: Project.objects.create(name="Move")) == 1


def test_what_is_not_recorded_is_not_announced(rings):
    with transaction.atomic():
        assert rings(lambda: Group.objects.create(name="editors")) == 0


def test_announcing_can_be_switched_off(rings, settings):
    settings.REALTIME = {"ANNOUNCE": False}
    with transaction.atomic():
        assert rings(lambda: Project.objects.create(name="Move")) == 0


def test_a_layer_that_hangs_does_not_hold_up_a_save(hanging):
    Project.objects.create(name="first")
    assert hanging.entered.acquire(timeout=SECONDS)
    Project.objects.create(name="second")
    tell_others({"type": "a message"})
    assert hanging.sent() == []
    assert Project.objects.count() == 2


def test_all_commits_that_wait_for_a_slow_layer_are_one_hint(hanging):
    Project.objects.create(name="first")
    assert hanging.entered.acquire(timeout=SECONDS)
    for number in range(50):
        Project.objects.create(name=str(number))
    hanging.may_go_on.set()
    assert told_after(hanging) == [HINT, HINT]


def test_a_layer_that_hangs_is_given_up_and_asked_again_for_the_next_commit(layer, monkeypatch):
    monkeypatch.setattr(announcer, "SEND_TIMEOUT", 0.01)
    hanging = layer("HangingLayer")
    for number in range(3):
        Project.objects.create(name=str(number))
        assert hanging.entered.acquire(timeout=SECONDS)
    assert hanging.sent() == []


def test_a_dead_layer_fails_no_save_and_is_complained_of_once(layer, caplog):
    dead = layer("DeadLayer")
    for number in range(5):
        Project.objects.create(name=str(number))
        assert dead.attempts.acquire(timeout=SECONDS)
    assert Project.objects.count() == 5
    assert announcer.layer_fails()
    recording = layer("RecordingLayer")
    Project.objects.create(name="later")
    assert HINT in told_after(recording)
    assert not announcer.layer_fails()
    said = [record for record in caplog.records if record.name == "realtime.announcer"]
    assert len(said) == 1
    assert "the tick delivers" in said[0].message
    assert not any(record.exc_info for record in said)


def test_a_layer_that_cannot_even_be_made_fails_no_save(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "nowhere.Layer"}}
    Project.objects.create(name="Move")
    assert Project.objects.count() == 1


def test_messages_that_wait_for_a_slow_layer_are_bounded_and_the_oldest_go(hanging):
    tell_others({"type": "first"})
    assert hanging.entered.acquire(timeout=SECONDS)
    for number in range(MAX_WAITING + 5):
        tell_others({"type": str(number)})
    hanging.may_go_on.set()
    hanging.wait_for(str(MAX_WAITING + 4))
    assert hanging.sent() == ["first", *(str(number) for number in range(5, MAX_WAITING + 5))]


def test_the_in_memory_layer_is_told_nothing_for_it_reaches_no_other_process(recording, settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    Project.objects.create(name="Move")
    tell_others({"type": "a message"})
    memory = get_channel_layer()
    assert (memory.channels, memory.groups) == ({}, {})


def test_threads_that_commit_at_once_are_announced_by_one_thread(recording):
    writers = [threading.Thread(target=tell_others, args=(None,)) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(told_after(recording)) == {HINT}
    announcers = [one for one in threading.enumerate() if one.name == "hub-announcer"]
    assert len(announcers) == 1


class Ear:
    """Hears what is published in a Redis, as every relay does."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=SECONDS)
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)

    def __enter__(self):
        self._pubsub.psubscribe("*")
        assert self._pubsub.get_message(timeout=SECONDS) is None, "the subscription itself"
        return self

    def __exit__(self, *exc):
        self._pubsub.close()
        self._redis.close()

    def hear(self) -> bytes:
        message = self._pubsub.get_message(timeout=SECONDS)
        assert message, "nothing was published"
        return message["data"]


def test_the_change_of_a_short_command_is_announced_before_the_command_ends(redis_url):
    program = "from hubproject.models import Project; Project.objects.create(name='Move')"
    with Ear(redis_url) as ear:
        manage("shell", "-v", "0", "-c", program, redis_url=redis_url)
        assert HINT.encode() in ear.hear()


FORKING = """
import os
from django.db import connections
from hubproject.models import Project
Project.objects.create(name='parent')
connections.close_all()
child = os.fork()
if not child:
    Project.objects.create(name='child')
    from realtime import announcer
    announcer._finish()
    os._exit(0)
os.waitpid(child, 0)
print('done')
"""


def test_a_forked_worker_process_announces_too(redis_url):
    with Ear(redis_url) as ear:
        done = manage("shell", "-v", "0", "-c", FORKING, redis_url=redis_url)
        assert done.stdout.strip() == "done"
        assert HINT.encode() in ear.hear()
        assert HINT.encode() in ear.hear()


def test_where_threads_are_greenlets_nothing_is_told_and_saves_go_on(recording, monkeypatch):
    gevent = types.SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", gevent)
    announcer._threads_are_greenlets.cache_clear()
    try:
        ring()
        Project.objects.create(name="a")
    finally:
        monkeypatch.undo()
        announcer._threads_are_greenlets.cache_clear()
    assert told_after(recording) == []
