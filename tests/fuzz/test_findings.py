"""A fuzzer that finds nothing proves something only if it would find what there is."""

from __future__ import annotations

import asyncio
import logging

import pytest

from realtime import conversation, messages
from realtime.codes import CloseCode
from tests.fuzz.findings import Finding, Kind
from tests.fuzz.seeds import documented
from tests.fuzz.targets import TARGETS
from tests.fuzz.vocabulary import CLIENT_MESSAGES, TOKEN, fields, tag, values

PING = b'{"type":"ping","id":1}'
Hub = conversation.Conversation


def raise_error(self, message):
    raise SystemError("planted")


def answer_twice(self, message):
    answer(self, message)
    answer(self, message)


def answer_nothing(self, message):
    if message.id != 1:
        answer(self, message)


def answer_oddly(self, message):
    self._connection.send(conversation.Frame('{"type":"pang","id":1}'))


def complain(self, message):
    logging.getLogger("anything").error("planted")
    answer(self, message)


def close(self, message):
    self._connection.goodbye(CloseCode.SLOW, "planted")


def leave_a_task(self, message):
    kept.append(asyncio.ensure_future(asyncio.Event().wait()))
    answer(self, message)


answer = Hub._ping
kept: list[asyncio.Future[object]] = []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        # The hub logs it, and answers that it is its own fault.
        (raise_error, Kind.ANSWER),
        (answer_twice, Kind.ANSWER),
        (answer_nothing, Kind.ANSWER),
        (answer_oddly, Kind.ANSWER),
        (complain, Kind.TRACEBACK),
        (close, Kind.DISCONNECT),
        (leave_a_task, Kind.LEAK),
    ],
)
def test_each_planted_fault_is_found(world, monkeypatch, fault, kind):
    monkeypatch.setattr("tests.fuzz.world.SECONDS", 0.5)
    monkeypatch.setattr(Hub, "_ping", fault)
    with pytest.raises(Finding) as found:
        TARGETS["conversing"](world)(PING)
    assert found.value.kind is kind
    while kept:
        kept.pop().cancel()


def test_a_crash_of_the_application_is_found(world, monkeypatch):
    monkeypatch.setattr("realtime.consumer._decode", lambda text: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        TARGETS["conversing"](world)(PING)


def test_an_error_that_nobody_expected_in_a_text_is_found(world, monkeypatch):
    monkeypatch.setattr("realtime.consumer.decode", lambda text: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        TARGETS["decoding"](world)(PING)


def test_a_bad_token_may_end_a_connection_and_a_good_one_may_not(world, monkeypatch):
    converse = TARGETS["conversing"](world)
    converse(b'{"type":"hello","token":"hub_nonsense"}')
    monkeypatch.setattr(Hub, "_ping", close)
    with pytest.raises(Finding) as found:
        converse(b'{"type":"hello","token":"' + TOKEN.encode() + b'"}\n' + PING)
    assert found.value.kind is Kind.DISCONNECT


def test_every_field_of_every_message_is_tried_with_values_that_count():
    text = "\n".join(documented())
    for message in CLIENT_MESSAGES:
        assert f'"{tag(message)}"' in text
        for name, kind in fields(message).items():
            assert f'"{name}"' in text
            assert len(values(kind)) > 1


def test_a_new_field_is_tried_without_an_edit(monkeypatch):
    class Later(messages._Message, tag="later", kw_only=True):
        app_version: str | None = None

    monkeypatch.setattr("tests.fuzz.vocabulary.CLIENT_MESSAGES", (*CLIENT_MESSAGES, Later))
    assert '{"type":"later","appVersion":""}' in documented()
