"""What somebody may restore, asked of whoever knows: the domain has no users."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from django.db import models


class Rights(Protocol):
    """Answers for one person."""

    def may_see(self, model: type[models.Model]) -> bool:
        """Tell whether records of the model may be named."""

    def may(self, action: str, model: type[models.Model], instance: Any) -> bool:
        """Tell whether an insert, update or delete is allowed; `instance` is None for inserts."""

    def read_only(self, model: type[models.Model], instance: Any) -> Collection[str]:
        """Return the names of the fields that stay as they are."""

    def look_at(self, model: type[models.Model], instances: Collection[Any]) -> None:
        """Be told of many records before being asked about each."""


class Unrestricted:
    """Allows everything, for programs."""

    def may_see(self, model: type[models.Model]) -> bool:
        return True

    def may(self, action: str, model: type[models.Model], instance: Any) -> bool:
        return True

    def read_only(self, model: type[models.Model], instance: Any) -> Collection[str]:
        return ()

    def look_at(self, model: type[models.Model], instances: Collection[Any]) -> None:
        pass
