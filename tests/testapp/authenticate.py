"""Tokens that hosts have already, as they are told to let clients come with them."""

from __future__ import annotations

import datetime
from typing import Any

from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication

import realtime


def by_jwt(token: str, scope: Any) -> realtime.Authenticated | None:
    """Take the access tokens of djangorestframework-simplejwt, until they expire."""
    known = JWTAuthentication()
    try:
        claims = known.get_validated_token(token.encode())
        user = known.get_user(claims)
    except AuthenticationFailed:
        return None
    expires_at = datetime.datetime.fromtimestamp(claims["exp"], datetime.UTC)
    return realtime.Authenticated(user, expires_at=expires_at)


def by_drf_token(token: str, scope: Any) -> Any:
    """Take the tokens of rest_framework.authtoken, which do not expire."""
    try:
        user, _ = TokenAuthentication().authenticate_credentials(token)
    except AuthenticationFailed:
        return None
    return user
