"""A program that writes the same tables and knows nothing of Django."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def another_program(**options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the test database beside Django, in autocommit."""
    usual = connection.settings_dict
    address = {
        "dbname": usual["NAME"],
        "user": usual["USER"],
        "password": usual["PASSWORD"],
        "host": usual["HOST"],
        "port": usual["PORT"],
    }
    with psycopg.connect(**(address | options), autocommit=True) as program:
        yield program


def insert_owners(program: psycopg.Connection[Any], *names: str) -> list[int]:
    """Insert owners, each by a statement of its own; returns their keys."""
    sql = "INSERT INTO testapp_owner (name) VALUES (%s) RETURNING id"
    return [row[0] for name in names if (row := program.execute(sql, [name]).fetchone())]
