"""Points of a history as addresses name them: by the number of a change, or by a moment."""

from __future__ import annotations

import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from sync.admin.moment_field import MomentField
from sync.admin.numbers import number_in

type_point = int | datetime.datetime


def parse_point(text: str) -> type_point:
    """Return the number of a change, or a moment in the current time zone where the text names
    none. Raises `ValidationError` for anything else."""
    text = text.strip()
    number = number_in(text)
    if number is not None:
        return number
    try:
        moment: datetime.datetime = MomentField().clean(text)
    except ValidationError:
        raise ValidationError(
            _("“%(text)s” is no point of a history: give the number of a change, or a date and time"
              " such as 2026-01-31 12:00."),
            params={"text": text},
        ) from None  # fmt: skip
    return moment
