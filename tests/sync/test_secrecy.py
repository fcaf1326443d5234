"""A name or a type tells what must not leave the server, and nothing that merely sounds like it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import models

from sync.secrecy import looks_secret
from tests.testapp.models import Owner

SECRET = [
    *("password", "PASSWORD", "passwd", "passwort", "password_hash", "hashed_password", "old_pwd"),
    *("pass_phrase", "passcode", "smtp_pass", "pw", "secret", "client_secret", "secret_key"),
    *("otp_secret", "totp_seed", "login_otp", "otpauth_url", "pin", "login_pin", "pin_code"),
    *("token", "access_token", "refresh_tokens", "apitoken", "apiToken", "token_hash", "jwt"),
    *("api_key", "apikey", "apiKeys", "private_key", "signing_key", "session_key", "key_hash"),
    *("encryption_key", "licence_key", "salt", "salt_2", "credentials", "cvv", "puk"),
    *("recovery_codes", "backup_code", "verification_code", "reset_code", "one_time_code"),
    *("seed_phrase", "connection_string"),
]

ORDINARY = [
    *("title", "key", "hash", "status", "pass_rate", "boarding_pass", "compass", "passport"),
    *("keyboard", "footprint", "basalt", "salted", "secretary", "secretariat", "secretion"),
    *("pinned", "pin_order", "spin", "opinion", "tokenized_at", "tokeniser", "betokened"),
    *("public_key", "primary_key", "foreign_key", "sort_key", "cache_key", "author_key"),
    *("code", "postcode", "promo_code", "country_code", "barcode", "hotpot", "laptop"),
    *("iban", "ssn", "email", "notes", "seed", "signature", "authority"),
]


@pytest.mark.parametrize("name", SECRET)
def test_a_name_tells_a_secret(name):
    assert looks_secret(models.CharField(name=name))
    assert looks_secret(models.JSONField(name=name))


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_is_no_secret(name):
    assert not looks_secret(models.CharField(name=name))


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (models.DateTimeField, "password_changed_at"),
        (models.DateTimeField, "token_expires"),
        (models.DateField, "last_password_change"),
        (models.BooleanField, "has_password"),
        (models.BooleanField, "is_secret"),
        (models.DurationField, "token_lifetime"),
        (models.IntegerField, "tokens_used"),
        (models.IntegerField, "password_length"),
        (models.DecimalField, "salt"),
    ],
)
def test_a_type_that_can_only_tell_of_a_secret_is_none(field, name):
    assert not looks_secret(field(name=name))


@pytest.mark.parametrize("name", ["pin", "pin_code", "otp", "login_otp", "cvv", "reset_code"])
def test_digits_that_people_type_are_a_secret_also_as_a_number(name):
    assert looks_secret(models.IntegerField(name=name))


def test_a_key_to_a_table_of_secrets_is_the_number_of_a_row():
    assert not looks_secret(pointing_at(Owner, "access_token"))
    assert not looks_secret(pointing_at(User, "pin"))


def test_a_key_that_is_the_secret_itself_is_one():
    assert looks_secret(pointing_at(Session, "session_key"))


def pointing_at(model, name):
    field = models.ForeignKey(model, models.CASCADE, name=name)
    field.set_attributes_from_name(name)
    field.remote_field.field_name = model._meta.pk.name
    field.model = Owner
    return field
