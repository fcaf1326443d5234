"""The answers of a function that is asked many questions by one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import InterfaceError, OperationalError

UNREACHABLE: Final = (InterfaceError, OperationalError, OSError)
"""What a function raises for a database, or a service, that cannot be reached."""


def answers(function: Callable[[list[Any]], Sequence[Any]], questions: Sequence[Any]) -> list[Any]:
    """Return the answer to each question, or its error.

    Where the function fails, each question is asked alone, so that a bad one is no other's loss;
    not so where something cannot be reached, for that would be found out again and again.
    """
    try:
        return list(function(list(questions)))
    except UNREACHABLE as error:
        return [error] * len(questions)
    except Exception as error:
        if len(questions) == 1:
            return [error]
        return [answer for one in questions for answer in answers(function, [one])]
