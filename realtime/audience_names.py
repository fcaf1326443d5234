"""Whether a value can be the audiences that a device is limited to."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from sync.registry import MAX_AUDIENCE_LENGTH


def names_of_audiences(value: Any) -> None:
    """Raise `ValidationError` unless a value is a list of names that audiences can have."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValidationError(_("Audiences are a list of texts."))
    for name in value:
        if not 0 < len(name) <= MAX_AUDIENCE_LENGTH or "\x00" in name:
            raise ValidationError(
                _("An audience has 1 to %(limit)d characters, none of them NUL."),
                params={"limit": MAX_AUDIENCE_LENGTH},
            )
