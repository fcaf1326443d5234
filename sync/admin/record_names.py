"""What instances call themselves, in a number of queries that does not grow with theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import Model, prefetch_related_objects

from sync.admin.queries import QueryRefused, at_most

NAME_FIELDS: Final = ("name", "title", "label", "subject", "username", "slug", "code")
"""The fields that are taken for a record's name where it cannot be asked, the best first."""

TRIED_QUERIES: Final = 5
"""Queries that one `__str__` may make to show which related objects it needs."""

DEPTH: Final = 3
"""Relations that a `__str__` may follow in a row."""


def names_of(instances: Sequence[Model]) -> list[str]:
    """Return what each instance of a model calls itself; empty where its `__str__` fails.

    A `__str__` that reads related objects does so once for the first instance. What it needed there
    is read for all the others together; one that asks for more than related objects fails.
    """
    with at_most(0):
        names = [_name_of(instance) for instance in instances]
    silent = [one for one, name in zip(instances, names, strict=True) if name is None]
    if silent and (needed := _needed_by(silent[0])):
        prefetch_related_objects(silent, *needed)
        with at_most(0):
            again = iter([_name_of(instance) for instance in silent])
        names = [next(again) if name is None else name for name in names]
    return [name or "" for name in names]


def name_among(values: Mapping[str, Any]) -> str:
    """Return the first value that looks like a name, or nothing."""
    found = (values.get(field) for field in NAME_FIELDS)
    return next((value.strip() for value in found if isinstance(value, str) and value.strip()), "")


def _name_of(instance: Model) -> str | None:
    """Return None where related objects are missing; whatever else fails has no name."""
    try:
        return str(instance).strip()
    except QueryRefused:
        return None
    except Exception:
        return ""


def _needed_by(instance: Model) -> list[str]:
    # A query that fails would end the transaction of the host.
    with suppress(Exception), transaction.atomic(instance._state.db), at_most(TRIED_QUERIES):
        str(instance)
    return list(_cached(instance, DEPTH))


def _cached(instance: Model, depth: int) -> Iterator[str]:
    """Yield the relations of an instance that have been read, as `prefetch_related` names them."""
    for name in instance._state.fields_cache if depth else ():
        try:
            relation: Any = instance._meta.get_field(name)
        except FieldDoesNotExist:
            continue  # the far side of a relation, by a name that no look-up has
        yield name
        related = relation.get_cached_value(instance)
        if isinstance(related, Model):
            yield from (f"{name}__{further}" for further in _cached(related, depth - 1))
