"""The field of a moment that somebody gives, in a form or an address."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone


class MomentField(forms.DateTimeField):
    """A local date and time as browsers write it, or any ISO 8601 text; its value is in UTC.

    A moment that has no date in UTC, or none where it is shown, is refused: neither the database
    nor the page could tell it.
    """

    def to_python(self, value: Any) -> datetime.datetime | None:
        given = super().to_python(value)
        if given is None:
            return None
        try:
            moment = given.astimezone(datetime.UTC)
            timezone.localtime(moment)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        return moment
