"""How the pages of the history write moments and numbers."""

from __future__ import annotations

import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import ngettext

register = template.Library()

TAIL = 6
MILLION = 10**6
BILLION = 10**9


@register.filter
def iso(moment: datetime.datetime) -> str:
    """Write a moment for machines."""
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


@register.filter
def exact(moment: datetime.datetime) -> str:
    """Write a moment in full, in the local time and with its zone."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S.%f} {local.tzname() or ''}".strip()


@register.filter
def grouped(number: int) -> str:
    """Write a number with the separators of the language."""
    return number_format(number, force_grouping=True)


@register.filter
def rough(number: int) -> str:
    """Write a large number with three figures."""
    if number >= BILLION:
        text = ngettext("%(number)s billion", "%(number)s billion", number // BILLION)
        return text % {"number": number_format(number / BILLION, decimal_pos=1)}
    if number >= MILLION:
        text = ngettext("%(number)s million", "%(number)s million", number // MILLION)
        return text % {"number": number_format(number / MILLION, decimal_pos=1)}
    return grouped(number)


@register.filter
def tail(value: Any) -> str:
    """Return the end of an id: those of one time begin alike."""
    return str(value)[-TAIL:]
