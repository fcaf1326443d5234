"""What stands in the log for a value that must never enter it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from django.utils.crypto import salted_hmac

from sync import codec
from sync.columns import attname
from sync.errors import RegistrationError

if TYPE_CHECKING:
    from sync.registry import Registration

BLANK: Final = "blank"
"""Null, whatever the value: that it changed is not seen either."""

HASH: Final = "hash"
"""A keyed digest: equal values of a field are seen to be equal, and a change is seen."""

MASKS: Final = (BLANK, HASH)

DIGEST_PREFIX: Final = "sha256:"

DIGEST_LENGTH: Final = 32
"""Hexadecimal digits kept of a digest: 128 bits, too many for two values to meet by chance."""

Mask = Callable[[Any], Any]

type_redact = Mapping[str, str] | Iterable[str]


def mask(way: str, table: str, field: models.Field[Any, Any]) -> Mask:
    """Return what makes of a database value the JSON value that is recorded in its place."""
    return _blank if way == BLANK else _digest(table, field)


def _blank(value: Any) -> None:
    # Null and not a text such as "[redacted]": a client that reads a date or a number would fail.
    return None


def _digest(table: str, field: models.Field[Any, Any]) -> Mask:
    """Return a digest keyed by `SECRET_KEY`: whoever has the log alone could try all values of a
    short field. The salt is the column's own, so that nobody can join columns by their digests."""
    keyed = salted_hmac(f"sync.redact:{table}.{field.attname}", "", algorithm="sha256")

    def digest(value: Any) -> str | None:
        if value is None:
            return None
        code = keyed.copy()
        code.update(codec.to_json(codec.encode_value(value, field)).encode())
        return DIGEST_PREFIX + code.hexdigest()[:DIGEST_LENGTH]

    return digest


def checked_ways(model: type[models.Model], redact: type_redact) -> dict[str, str]:
    """Return how each of the fields, by attribute name, is kept out of the log."""
    if isinstance(redact, str):
        raise RegistrationError(f"redact {redact!r}: give a list of fields or a mapping.")
    given = dict(redact) if isinstance(redact, Mapping) else dict.fromkeys(redact, BLANK)
    for name, way in given.items():
        if way not in MASKS:
            raise RegistrationError(f"redact {name!r}: use {' or '.join(map(repr, MASKS))}.")
    return {attname(model, name): way for name, way in given.items()}


def refuse_leaks(registration: Registration) -> None:
    """Refuse a redaction that would be undone by another part of the registration."""
    keys = {field.attname for field in registration.model._meta.pk_fields}
    heard = {name for names in registration.events.values() for name in names or ()}
    for name, way in registration.redact.items():
        if name in keys:
            why = "the primary key names the record and cannot be redacted."
        elif name not in registration.fields:
            why = "it does not sync: leave it out, or name it in fields=."
        elif name in (registration.audience_fields or ()):
            why = "the audience is made of its value, and would tell it to the clients."
        elif way == BLANK and name in heard:
            why = 'an event waits for its change, which is not seen: use "hash".'
        else:
            continue
        raise RegistrationError(f"{registration.model._meta.label}: redact {name!r}: {why}")
