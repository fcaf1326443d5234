"""What the admin says of a change stands beside the change, and nothing is lost between pages."""

from __future__ import annotations

import datetime

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.admin.merging import AROUND, ONE_REQUEST, Place, merged
from sync.models import SyncLog
from sync.timeline import Step

START = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
ACTIONS = {"insert": ADDITION, "update": CHANGE, "delete": DELETION}


def at(seconds):
    return START + datetime.timedelta(seconds=seconds)


OWN = [("t", "own")]


def step(seq, seconds, action="update", actor_id="1", record_id="own"):
    entry = SyncLog(
        id=seq, seq=seq, table="t", record_id=record_id, action=action, actor_id=actor_id,
        recorded_at=at(seconds),
    )  # fmt: skip
    return Step(entry, [])


def message(pk, seconds, action="update", user_id=1):
    return LogEntry(id=pk, action_flag=ACTIONS[action], user_id=user_id, action_time=at(seconds))


def brief(lines):
    """Return what stands in each line: the number of the step, and the ids of the messages."""
    return [
        (line.step and line.step.entry.seq, *(one.pk for one in line.messages)) for line in lines
    ]


def lines_of(steps, messages, limit=50):
    return brief(merged(steps, messages, OWN, limit).lines)


def test_the_message_of_a_change_stands_in_its_line():
    messages = [message(7, 61), message(6, 0, "insert")]
    assert lines_of([step(2, 60), step(1, 0, "insert")], messages) == [(2, 7), (1, 6)]


def test_a_deletion_is_logged_before_it_is_made():
    assert lines_of([step(1, 60, "delete")], [message(7, 59.9, "delete")]) == [(1, 7)]


def test_another_user_another_action_and_another_time_are_another_change():
    steps = [step(1, 0)]
    far = ONE_REQUEST.total_seconds() + 1
    assert lines_of(steps, [message(7, 1, user_id=2)]) == [(None, 7), (1,)]
    assert lines_of(steps, [message(7, 1, "delete")]) == [(None, 7), (1,)]
    assert lines_of(steps, [message(7, far)]) == [(None, 7), (1,)]
    assert lines_of([step(1, 0, actor_id="")], [message(7, -1)]) == [(1,), (None, 7)]


def test_of_two_changes_of_one_request_the_nearer_one_has_the_message():
    assert lines_of([step(2, 3), step(1, 2)], [message(7, 3.1)]) == [(2, 7), (1,)]


def test_two_messages_of_one_change_stand_in_its_line():
    assert lines_of([step(1, 2)], [message(8, 2.2), message(7, 2.1)]) == [(1, 8, 7)]


def test_the_change_of_a_child_is_not_what_the_admin_says_of_the_record():
    steps = [step(2, 2, record_id="child"), step(1, 1)]
    assert lines_of(steps, [message(7, 2)]) == [(2,), (1, 7)]


def test_messages_alone_stand_where_their_times_are():
    steps = [step(3, 300), step(2, 200), step(1, 100)]
    messages = [message(9, 400), message(8, 250), message(7, 50)]
    assert lines_of(steps, messages) == [
        (None, 9), (3,), (None, 8), (2,), (1,), (None, 7),
    ]  # fmt: skip


def test_steps_keep_the_order_of_the_log_whatever_the_clocks_say():
    assert lines_of([step(2, 10), step(1, 20)], []) == [(2,), (1,)]


def paged(steps, messages, limit):
    """Return the lines of all pages, each read from where the page before says."""
    found, place = [], Place()
    while place is not None:
        behind = [one for one in steps if place.before is None or one.entry.seq < place.before]
        passed = [] if place.before is None else [one.entry for one in steps if one not in behind]
        late = None if place.until is None else place.until + ONE_REQUEST
        near = [one for one in messages if late is None or one.action_time <= late]
        page = merged(
            behind[: limit + AROUND],
            near[: limit + 2 * AROUND],
            OWN,
            limit,
            place,
            passed[::-1][:AROUND],
        )
        assert page.lines or not found, "a page says that there is another, and there is not"
        found += brief(page.lines)
        place = page.next
    return found


moments = st.lists(st.integers(0, 300), max_size=15)
kinds = st.sampled_from(["insert", "update", "delete"])


def drawn(draw, times, said):
    steps = [step(len(times) - n, at, draw(kinds)) for n, at in enumerate(times)]
    said = sorted(said, reverse=True)
    return steps, [message(len(said) - n, at, draw(kinds)) for n, at in enumerate(said)]


@settings(deadline=None)
@given(moments, moments, st.integers(1, 4), st.data())
def test_pages_together_are_one_page(times, said, limit, data):
    steps, messages = drawn(data.draw, sorted(times, reverse=True), said)
    assert paged(steps, messages, limit) == lines_of(steps, messages, 100)


@settings(deadline=None)
@given(moments, moments, st.integers(1, 4), st.data())
def test_clocks_that_are_wrong_lose_no_step(times, said, limit, data):
    steps, messages = drawn(data.draw, times, said)
    found = [line[0] for line in paged(steps, messages, limit) if line[0] is not None]
    assert found == [one.entry.seq for one in steps]
