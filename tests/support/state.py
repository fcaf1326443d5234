"""What a client must hold: the registered models' rows, as the wire names and encodes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sync import codec
from sync.registry import registry

State = dict[tuple[str, str], dict[str, Any]]


def database_state(audiences: Collection[str] | None = None) -> State:
    """Return every registered record in the database, or those that these audiences hear.

    Reads the rows as instances and not through the code that records changes, so that the two
    can disagree.
    """
    state: State = {}
    for registration in registry:
        for instance in registration.model._base_manager.order_by():
            values = {
                field.attname: getattr(instance, field.attname)
                for field in instance._meta.local_concrete_fields
            }
            heard_by = registration.audience_of(values, lambda instance=instance: instance)
            if audiences is not None and heard_by not in audiences:
                continue
            keys = instance._meta.pk_fields
            name = codec.record_id([values[field.attname] for field in keys], keys)
            state[registration.table, name] = {
                field.attname: codec.encode_value(values[field.attname], field)
                for field in instance._meta.local_concrete_fields
                if field.attname in registration.fields
            }
    return state
