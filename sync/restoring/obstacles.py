"""Why the value of a field cannot be restored, in words for the person who wants to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sync import codec
from sync.decoding import decode_value
from sync.errors import DecodingError
from sync.masking import DIGEST_LENGTH, DIGEST_PREFIX
from sync.registry import Registration

if TYPE_CHECKING:
    Field = models.Field[Any, Any]


class Obstacle(NamedTuple):
    """A reason; the code is for programs."""

    code: str
    text: str | Promise


KEY: Final = Obstacle("key", _("It names the record and stays as it is."))
NOT_IN_MODEL: Final = Obstacle("not_in_model", _("The model does not have this field any more."))
GENERATED: Final = Obstacle("generated", _("The database computes it."))
AUTO_NOW: Final = Obstacle("auto_now", _("Each save sets it to the present time."))
KEPT_OUT: Final = Obstacle("kept_out", _("It is kept out of the history."))
NOT_RECORDED: Final = Obstacle("not_recorded", _("It was not recorded at that time."))
REDACTED: Final = Obstacle("redacted", _("Its value was removed from the history."))
HASHED: Final = Obstacle("hashed", _("The history holds only a digest of its value."))
OTHER_CODEC: Final = Obstacle(
    "other_codec", _("It was recorded in an encoding that this version does not read.")
)
NOT_DECODABLE: Final = Obstacle(
    "not_decodable", _("The field cannot hold exactly what was recorded any more.")
)
FILE_GONE: Final = Obstacle("file_gone", _("The file itself is gone from the storage."))
READ_ONLY: Final = Obstacle("read_only", _("You may look at this field and not change it."))

_DIGEST: Final = re.compile(rf"{DIGEST_PREFIX}[0-9a-f]{{{DIGEST_LENGTH}}}")


def obstacle_in_model(field: Field, registration: Registration) -> Obstacle | None:
    """Return why a field is never restored, whatever the history holds of it."""
    if field.attname in {one.attname for one in field.model._meta.pk_fields}:
        return KEY
    if field.attname not in registration.fields - registration.redact.keys():
        return KEPT_OUT  # before all that would show what was recorded of it in former days
    if field.generated:
        return GENERATED
    return AUTO_NOW if getattr(field, "auto_now", False) else None


def obstacle_in_history(field: Field, values: Mapping[str, Any], version: int) -> Obstacle | None:
    """Return why what an entry holds of a field cannot be made its value again."""
    if field.attname not in values:
        return NOT_RECORDED
    if version != codec.VERSION:
        return OTHER_CODEC
    value = values[field.attname]
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return HASHED
    try:
        decode_value(value, field)
    except DecodingError:
        return NOT_DECODABLE
    return None


def obstacle_in_storage(field: Field, value: Any) -> Obstacle | None:
    """Return that the file is gone which a value names; a storage that cannot say so has it not."""
    if not isinstance(field, models.FileField) or not value:
        return None
    try:
        is_there = field.storage.exists(value)
    except Exception:  # whatever storage the host has, which may be another service
        is_there = False
    return None if is_there else FILE_GONE
