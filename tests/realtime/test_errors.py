"""What a client is told of an error, and what it is not."""

from __future__ import annotations

import pytest

from realtime import errors
from realtime.errors import ErrorCode, RealtimeError, wire_error
from sync.errors import InvalidCursor, InvalidSince

PROTOCOL = {
    "invalid_json",
    "invalid_message",
    "unknown_type",
    "binary_unsupported",
    "too_large",
    "invalid_since",
    "invalid_cursor",
    "unauthenticated",
    "forbidden",
    "rate_limited",
    "internal",
}
ALL = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, RealtimeError) and error is not RealtimeError
]
OURS = [error for error in ALL if not issubclass(error, errors.InternalError)]
OF_THE_HOST = [error for error in ALL if issubclass(error, errors.InternalError)]


def test_the_codes_are_those_of_the_protocol():
    assert set(ErrorCode) == PROTOCOL


@pytest.mark.parametrize("error", OURS)
def test_an_error_of_the_hub_tells_its_own_code_and_text(error):
    code, text, _ = wire_error(error("Do it so."))
    assert code == error.code != ErrorCode.INTERNAL
    assert text == "Do it so."


@pytest.mark.parametrize("error", OF_THE_HOST)
def test_an_error_that_concerns_the_host_tells_clients_nothing_of_the_inside(error):
    assert wire_error(error("password=hunter2")) == wire_error(RuntimeError())


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidCursor("x"), "invalid_cursor"), (InvalidSince("x"), "invalid_since")],
)
def test_an_error_of_the_log_has_a_code_of_its_own(error, code):
    assert wire_error(error) == (code, str(error), False)


def test_only_what_may_work_later_is_retryable():
    assert {error for error in OURS if error.retryable} == {errors.Busy, errors.RateLimited}
    assert wire_error(RuntimeError())[2] is True


def test_an_unexpected_error_says_nothing_of_the_inside():
    code, text, _ = wire_error(RuntimeError("password=hunter2 at /srv/hub"))
    assert code == "internal"
    assert "hunter2" not in text
    assert "/srv" not in text
