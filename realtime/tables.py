"""Which tables are there already: system checks also run before the first migration."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connections, router
from django.db.models import Model


def has_table(model: type[Model], databases: Collection[str] | None) -> bool:
    """Tell whether a model can be asked, in a check that may use these databases alone."""
    alias = router.db_for_read(model)
    if alias not in (databases or ()):
        return False
    return model._meta.db_table in connections[alias].introspection.table_names()
