"""Text that is equal only to itself, on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactCharField(models.CharField):  # type: ignore[type-arg]  # not subscriptable here
    """Short text that decides who may see what, compared character by character.

    MariaDB and MySQL compare by a collation that takes `team:A`, `team:a`, `team:á` and `team:a `
    for one, unless the column has another. PostgreSQL and SQLite compare exactly by themselves.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Return the column's type, with the collation that the database needs."""
        return super().db_parameters(connection) | {"collation": exact_collation(connection)}


def exact_collation(connection: BaseDatabaseWrapper) -> str | None:
    """Return the collation by which only equal texts are equal, spaces at the end included; None
    where that is the database's own."""
    if connection.vendor != "mysql":
        return None
    of_mysql: Any = connection
    return "utf8mb4_nopad_bin" if of_mysql.mysql_is_mariadb else "utf8mb4_0900_bin"
