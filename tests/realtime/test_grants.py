"""What a connection was let in with: whether it still holds, and that it tells no secret."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import pytest
from django.utils import timezone

from realtime.codes import CloseCode
from realtime.errors import Revoked, TokenExpired
from realtime.grants import Grant, expired, is_over, renewed, revoked

ADA, GRACE = SimpleNamespace(pk=1), SimpleNamespace(pk=2)
NEVER_OVER = datetime.timedelta(days=365)
"""Longer than a run of the tests may take from here, where it is imported, to its last test."""
PAST = timezone.now() - datetime.timedelta(hours=1)
FUTURE = timezone.now() + NEVER_OVER


def grant(user):
    return Grant(user, lambda: grant(user))


def test_what_still_lets_the_same_user_in_is_renewed():
    found = grant(ADA)
    assert renewed(found, ADA.pk, PAST) is found


@pytest.mark.parametrize("expires_at", [None, FUTURE])
def test_what_lets_nobody_in_before_its_time_was_taken_back(expires_at):
    with pytest.raises(Revoked):
        renewed(None, ADA.pk, expires_at)


def test_what_lets_nobody_in_after_its_time_has_expired():
    with pytest.raises(TokenExpired):
        renewed(None, ADA.pk, PAST)


@pytest.mark.parametrize("expires_at", [None, PAST, FUTURE])
def test_what_lets_another_user_in_was_taken_back(expires_at):
    with pytest.raises(Revoked):
        renewed(grant(GRACE), ADA.pk, expires_at)


@pytest.mark.parametrize(("expires_at", "over"), [(None, False), (FUTURE, False), (PAST, True)])
def test_only_what_has_an_end_can_be_over(expires_at, over):
    assert is_over(expires_at) is over


def test_a_client_whose_time_is_over_comes_back_and_one_that_was_sent_away_does_not():
    assert expired().close_code is CloseCode.TOKEN_EXPIRED
    assert expired().close_code.reconnect
    assert revoked().close_code is CloseCode.REVOKED
    assert not revoked().close_code.reconnect


def test_a_grant_shows_nothing_of_how_it_is_renewed():
    assert "hub_secret" not in repr(Grant(ADA, lambda token="hub_secret": grant(ADA)))
    assert "renew" not in repr(grant(ADA))
