"""The names that a host may import stay what they are."""

from __future__ import annotations

import inspect

import pytest

import sync

PUBLIC = [
    "ANY_CHANGE",
    "EVERYONE",
    "AppendOnlyError",
    "CaptureError",
    "InvalidCursor",
    "InvalidSince",
    "NotRegistered",
    "RedactionError",
    "RegistrationError",
    "SyncError",
    "UncapturedWrite",
    "allow_raw_sql",
    "context",
    "in_bulk",
    "record",
    "record_deleted",
    "redact",
    "register",
]
ERRORS = [name for name in PUBLIC if isinstance(getattr(sync, name), type)]


def test_the_public_names_are_just_these():
    assert sync.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_importable_and_explained(name):
    found = getattr(sync, name)
    assert isinstance(found, str) or inspect.getdoc(found)


@pytest.mark.parametrize("name", ERRORS)
def test_a_host_can_catch_every_error_as_one(name):
    assert issubclass(getattr(sync, name), sync.SyncError)


def test_the_values_that_hosts_write_are_these():
    assert (sync.ANY_CHANGE, sync.EVERYONE) == ("*", "everyone")


def parameters(function):
    return {
        name: (parameter.kind.name, parameter.default is not parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def test_the_signatures_that_hosts_call_are_these():
    positional, named = ("POSITIONAL_OR_KEYWORD", False), ("KEYWORD_ONLY", True)
    assert parameters(sync.register) == {"model": positional} | dict.fromkeys(
        ["fields", "exclude", "audience", "events", "keep_unchanged", "redact", "retention"], named
    )
    assert parameters(sync.context) == dict.fromkeys(
        ["actor", "source", "client_id", "request_id", "reason"], named
    )
    assert parameters(sync.allow_raw_sql) == {}
    assert parameters(sync.record) == {"model": positional, "pks": positional, "using": named}
    assert parameters(sync.record_deleted) == {
        "model": positional, "records": positional, "using": named,
    }  # fmt: skip
    assert parameters(sync.redact) == {"record": positional, "fields": positional} | dict.fromkeys(
        ["reason", "using", "keep"], named
    )
