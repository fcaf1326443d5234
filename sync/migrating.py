"""Keeps the triggers true to their tables while migrations change these."""

from __future__ import annotations

from typing import Any

from django.db import connections

from sync import captors, triggers
from sync.registry import registry


def fit_triggers(*, using: str, **kwargs: Any) -> None:
    """Before migrations: have no trigger name a column that they may take away or alter, for
    until they are done other programs go on to write."""
    connection = connections[using]
    if captors.has_captors(connection):
        triggers.refit(connection, registry)


def install_triggers(*, using: str, **kwargs: Any) -> None:
    """After migrations: make the triggers what the registrations want, where the log's table is."""
    connection = connections[using]
    if not captors.has_captors(connection):
        return
    if "sync_log" in connection.introspection.table_names():
        triggers.install(connection, registry)
