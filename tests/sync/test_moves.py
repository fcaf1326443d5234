"""A record that moves to other audiences, by any kind of write: what each side is sent.

The whole text of all frames is searched for the values that only the other side may see.
"""

from __future__ import annotations

import pytest

from sync.reading import changes_since
from tests.sync.kinds_of_moves import KINDS, LATER
from tests.sync.stories_of_moves import (
    Story,
    all_end_with_what_they_may_hear,
    each_side_gets_its_own,
)
from tests.sync.wire import changes_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("is_published_between", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_sent_what_only_the_other_side_may_see(kind, register, is_published_between):
    story = Story(kind, register, is_published_between=is_published_between)
    each_side_gets_its_own(story)
    all_end_with_what_they_may_hear(story)


def test_a_client_of_both_is_told_that_it_left_and_came(register):
    story = Story("save", register, is_published_between=True)
    told = changes_in(story.live(story.moved.source, story.moved.target))
    assert [(change["action"], change.get("cause")) for change in told] == [
        ("insert", None), ("update", None), ("delete", "moved"), ("insert", "arrived"),
        ("update", None),
    ]  # fmt: skip


def test_one_page_for_both_tells_of_a_record_once(register):
    story = Story("delete_and_insert_with_the_same_key", register, is_published_between=True)
    page = changes_since(story.positions[2], [story.moved.source, story.moved.target])
    [change] = [entry for entry in page.changes if entry.table == story.moved.table]
    assert change.values["text"] == LATER
