"""Close codes tell a client whether to come back."""

from __future__ import annotations

import pytest

from realtime.codes import CloseCode

NUMBERS = {
    "NORMAL": 1000,
    "GOING_AWAY": 1001,
    "RESTARTING": 4000,
    "SLOW": 4001,
    "TOKEN_EXPIRED": 4003,
    "BUSY": 4005,
    "NO_AUTHENTICATION": 4006,
    "DISCONNECTED": 4007,
    "BAD_TOKEN": 4501,
    "REVOKED": 4503,
    "TOO_MANY_CONNECTIONS": 4504,
}


def test_the_numbers_are_those_of_the_protocol():
    assert {code.name: int(code) for code in CloseCode} == NUMBERS


@pytest.mark.parametrize("code", CloseCode)
def test_only_codes_from_4500_on_tell_a_client_to_stay_away(code):
    assert code.reconnect is (code < 4500)
