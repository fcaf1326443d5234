"""An index over a part of the rows, where the database can; over all of them, where it cannot."""

from __future__ import annotations

from typing import Any

from django.db import models


class PartialIndex(models.Index):
    """Index the rows that `where` holds for, `unique` among them.

    MariaDB and MySQL have no partial indexes and index every row: the same queries stay fast there,
    only writes cost more. Django's own `condition=` does the same, but warns at every `migrate`.
    """

    def __init__(self, *, where: models.Q, unique: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.where = where
        self.unique = unique

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        """Return the statement that makes the index."""
        if self.unique:
            kwargs["sql"] = "CREATE UNIQUE INDEX %(name)s ON %(table)s (%(columns)s)%(condition)s"
        return super().create_sql(model, schema_editor, using=using, **kwargs)

    def _get_condition_sql(self, model: Any, schema_editor: Any) -> str | None:
        if not schema_editor.connection.features.supports_partial_indexes:
            return None
        partial: Any = models.Index(fields=self.fields, name=self.name, condition=self.where)
        sql: str = partial._get_condition_sql(model, schema_editor)
        return sql

    def deconstruct(self) -> Any:
        """Return how a migration makes the index."""
        path, args, kwargs = super().deconstruct()
        unique = {"unique": True} if self.unique else {}
        return path, args, kwargs | {"where": self.where} | unique
