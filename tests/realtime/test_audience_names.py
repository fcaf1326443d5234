"""What a device can be limited to."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from realtime.audience_names import names_of_audiences


@pytest.mark.parametrize("value", [[], ["everyone"], ["team:1", "ü" * 255]])
def test_names_that_audiences_have_are_taken(value):
    names_of_audiences(value)


@pytest.mark.parametrize(
    "value", [None, "team:1", {"team:1": 1}, ("team:1",), [1], [None], [""], ["a" * 256], ["\x00"]]
)
def test_anything_else_is_refused(value):
    with pytest.raises(ValidationError):
        names_of_audiences(value)
