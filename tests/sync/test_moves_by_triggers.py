"""A record that moves where triggers record it: each side is sent what the ORM's entries tell."""

from __future__ import annotations

import pytest

from tests.sync.kinds_of_moves import KINDS_OF_MEMOS
from tests.sync.stories_of_moves import (
    Story,
    all_end_with_what_they_may_hear,
    each_side_gets_its_own,
)


@pytest.mark.parametrize("is_published_between", [True, False])
@pytest.mark.parametrize("kind", KINDS_OF_MEMOS)
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_triggers")
def test_nobody_is_sent_what_only_the_other_side_may_see(kind, register, is_published_between):
    story = Story(kind, register, is_published_between=is_published_between)
    each_side_gets_its_own(story)
    all_end_with_what_they_may_hear(story)
