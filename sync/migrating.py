"""Keeps what PostgreSQL records by true to the tables while migrations change these."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connections, transaction

from sync import captors, recorder_upkeep, triggers, write_plans
from sync.registry import registry
from sync.sql_functions import ensure_functions

logger = logging.getLogger(__name__)


def fit_triggers(*, using: str, **kwargs: Any) -> None:
    """Before migrations: have no trigger name a column that they may take away or alter, for
    until they are done other programs go on to write."""
    write_plans.forget()
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


def install_functions(*, using: str, **kwargs: Any) -> None:
    """After migrations: make the functions with which PostgreSQL writes entries by itself.

    Where the role may not create any, the tables that need them are recorded in Python, and a write
    of one record is as dear as its text is long.
    """
    if "plan" not in kwargs:  # sent by `flush`, as after each test with transactions
        return
    write_plans.forget()
    connection = connections[using]
    if (
        connection.vendor != "postgresql"
        or "sync_log" not in connection.introspection.table_names()
    ):
        return
    try:
        with transaction.atomic(using=using):
            ensure_functions(connection)
    except DatabaseError as error:
        logger.warning("The functions that make recording cheap could not be created: %s", error)
        return
    if not captors.has_captors(connection):
        recorder_upkeep.install(connection, registry)
