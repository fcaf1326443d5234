"""Whatever was written, what is restored is exactly what was, and all else stays."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sync.errors import RestoreError
from sync.models import MOVED, SyncLog
from sync.publishing import publish
from sync.restoring import AFTER, BEFORE, plan_restore, plan_undo
from sync.restoring.targets import target_of
from tests.support.state import database_state
from tests.sync.drawn_writes import STEPS
from tests.sync.restoring.applied import restore, undo

pytestmark = pytest.mark.django_db

patient = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def rolled_back():
    """Leave nothing of an example behind; published as by a test, in spite of the transaction."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def begin_another_transaction():
    """Give what follows the id of another transaction."""
    connection._sync_transaction = None


def write(data, least, most):
    for step in data.draw(st.lists(st.sampled_from(STEPS), min_size=least, max_size=most)):
        step(data.draw)


def some_target(data):
    """Draw an entry and a side of it that hold a state of a record."""
    publish()
    found = []
    for entry in SyncLog.objects.published().exclude(cause=MOVED).order_by("seq"):
        for side in (BEFORE,) if entry.latest else (BEFORE, AFTER):
            try:
                found.append((entry, side, target_of(entry, side)))
            except RestoreError:
                continue
    return data.draw(st.sampled_from(found)) if found else None


def some_ticks(data, entry, side, target):
    """Draw fields that can be restored; all of them for a record that is gone."""
    offered = plan_restore(entry, side, ticks=[])
    root = next((one for one in offered.steps if one.key == target.key), None)
    if root is None or root.action == "insert":
        return None
    names = [one.name for one in root.fields if one.is_restorable]
    return data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1)) if names else []


@patient
@given(st.data())
def test_ticked_fields_get_exactly_what_they_were_and_all_else_stays(data):
    with rolled_back():
        for _ in range(2):
            write(data, 2, 4)
            begin_another_transaction()
        drawn = some_target(data)
        if drawn is not None:
            entry, side, _target = drawn
            restore_and_compare(entry, side, some_ticks(data, *drawn))


def restore_and_compare(entry, side, ticks):
    plan = plan_restore(entry, side, ticks=ticks)
    event(f"applicable: {plan.is_applicable}, {[step.action for step in plan.steps]}")
    if not plan.is_applicable:
        assert plan.problems or plan.errors or not any(step.ticked for step in plan.steps)
        return
    before = database_state()
    restore(entry, side, ticks=ticks)
    after = database_state()
    for step in plan.steps:
        wanted, kept, got = step.target.source.values, before.pop(step.key, {}), after.pop(step.key)
        computed = {field.attname for field in step.model._meta.fields if field.generated}
        for name in got.keys() - computed:
            value = got[name]
            expected = wanted[name] if name in step.values else kept.get(name, value)
            assert value == expected, (step.key, name)
    assert after == before


@patient
@given(st.data())
def test_a_transaction_that_is_undone_leaves_no_trace_in_the_tables(data):
    with rolled_back():
        write(data, 2, 4)
        publish()
        begin_another_transaction()
        before, last = database_state(), SyncLog.objects.order_by("-seq").first()
        write(data, 1, 4)
        publish()
        entry = SyncLog.objects.order_by("-seq").first()
        if entry != last:
            undo_and_compare(entry, before)
        else:
            assert database_state() == before


def undo_and_compare(entry, before):
    plan = plan_undo(entry)
    left_out = any(one.differs for step in plan.steps for one in step.left_out)
    event(f"applicable: {plan.is_applicable}, left out: {left_out}")
    if plan.is_applicable and not left_out:
        undo(entry)
        assert database_state() == before
    else:
        assert plan.problems or plan.errors or left_out or not plan.steps
