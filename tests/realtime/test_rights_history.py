"""What is kept of who held which audience when, and what a client that was away makes of it."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubproject.models import Project
from realtime.models import Right
from realtime.rights_history import Difference, differences, remember, remember_all
from sync.cursor import Position
from sync.publishing import publish
from tests.support.late_replica import ReadsFromALateReplica

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user(db, django_user_model):
    return django_user_model.objects.create_user("ada", password="secret")


@pytest.fixture(autouse=True)
def heard_of_at_once(settings):
    """No process hears late of a change of rights: only the place in the log counts."""
    settings.REALTIME = {"RECHECK_INTERVAL": 0}


def step():
    """Have the log grow by one; return its end."""
    Project.objects.create(name="any")
    return publish()


def intervals():
    rows = Right.objects.using("default").order_by("audience", "id")
    return [(r.audience, r.gained_seq, r.lost_seq) for r in rows]


def difference(*asked):
    (found,) = differences([asked])
    return found


def test_what_is_held_at_the_first_sight_counts_as_held_ever_since(user):
    remember(user, ["a", "b"])
    assert intervals() == [("a", None, None), ("b", None, None)]


def test_only_what_differs_is_written(user, django_assert_num_queries):
    remember(user, ["a"])
    with django_assert_num_queries(1):
        remember(user, ["a"])


def test_what_is_gained_and_lost_has_its_place_in_the_log(user):
    remember(user, ["a"])
    first = step()
    remember(user, ["b"])
    second = step()
    remember(user, ["a", "b"])
    assert intervals() == [
        ("a", None, first.seq),
        ("a", second.seq, None),
        ("b", first.seq, None),
    ]


def test_who_has_lost_everything_and_comes_back_gains_it_then(user):
    remember(user, ["a"])
    remember(user, [])
    here = step()
    remember(user, ["a"])
    assert ("a", here.seq, None) in intervals()


def test_users_are_told_apart(user, django_user_model):
    remember(user, ["a"])
    remember(django_user_model.objects.create_user("grace"), ["b"])
    before = step()
    remember(user, [])
    assert difference(user, frozenset(), before).lost == {"a"}
    grace = django_user_model.objects.get(username="grace")
    assert not difference(grace, frozenset("b"), before)


def test_what_was_lost_after_the_client_stopped_is_to_be_forgotten(user):
    remember(user, ["a", "b"])
    stopped = step()
    step()
    remember(user, ["b"])
    assert difference(user, frozenset("b"), stopped) == Difference(frozenset("a"), frozenset())


def test_what_was_lost_before_the_client_stopped_is_not_told_again(user):
    remember(user, ["a", "b"])
    step()
    remember(user, ["b"])
    stopped = step()
    assert not difference(user, frozenset("b"), stopped)


def test_what_was_gained_after_the_client_stopped_is_to_be_sent_in_place_of_what_was_cut_short(
    user,
):
    remember(user, ["a"])
    stopped = step()
    step()
    remember(user, ["a", "b"])
    assert difference(user, frozenset("ab"), stopped) == Difference(frozenset("b"), frozenset("b"))


def test_where_the_place_does_not_tell_it_is_forgotten_and_sent_anew(user):
    remember(user, ["a"])
    here = step()
    remember(user, ["a", "b"])
    assert difference(user, frozenset("ab"), here) == Difference(frozenset("b"), frozenset("b"))


def test_what_was_lost_and_gained_again_is_forgotten_and_sent_anew(user):
    remember(user, ["a"])
    stopped = step()
    step()
    remember(user, [])
    step()
    remember(user, ["a"])
    assert difference(user, frozenset("a"), stopped) == Difference(frozenset("a"), frozenset("a"))


def test_a_time_serves_as_well_as_a_place(user):
    remember(user, ["a", "b"])
    stopped = timezone.now()
    remember(user, ["b", "c"])
    change = difference(user, frozenset("bc"), stopped)
    assert change == Difference(frozenset("ac"), frozenset("c"))
    assert not difference(user, frozenset("bc"), timezone.now() + datetime.timedelta(seconds=1))


def test_what_a_process_may_have_heard_late_is_in_doubt_for_a_while(user, settings):
    settings.REALTIME = {"RECHECK_INTERVAL": 60}
    remember(user, ["a"])
    step()
    remember(user, ["b"])
    stopped = step()
    change = difference(user, frozenset("b"), stopped)
    assert change == Difference(frozenset("ab"), frozenset("b"))


def test_what_it_may_have_heard_late_is_in_doubt_however_late_the_client_comes(
    user, settings, monkeypatch
):
    settings.REALTIME = {"RECHECK_INTERVAL": 60}
    remember(user, ["a"])
    step()
    remember(user, ["b"])
    stopped = Position.parse(step().cursor)
    later = timezone.now() + datetime.timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    change = difference(user, frozenset("b"), stopped)
    assert change == Difference(frozenset("ab"), frozenset("b"))
    assert not difference(user, frozenset("b"), Position.parse(step().cursor))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.frozensets(st.sampled_from("abc")), min_size=1, max_size=6), st.data())
def test_a_client_that_obeys_ends_with_what_it_may_hold(user, rights, data):
    """It stopped at some place, holding what its user held then; what it makes of the difference
    is everything of what it may hear, and nothing else."""
    Right.objects.all().delete()
    stops = []
    for held in rights:
        remember(user, held)
        stops.append((step(), held))
    stopped, held = data.draw(st.sampled_from(stops))
    permitted = rights[-1]
    change = difference(user, permitted, stopped)
    kept = held - change.lost
    assert kept <= permitted
    assert kept | change.gained == permitted


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_replica_that_is_late_does_not_have_it_written_twice(user, settings):
    start = step()
    remember(user, {"a"})
    settings.DATABASE_ROUTERS = [ReadsFromALateReplica()]
    step()
    remember(user, {"b"})
    remember(user, {"b"})
    assert [name for name, *_ in intervals()] == ["a", "b"]
    assert difference(user, frozenset("b"), start) == Difference(frozenset("ab"), frozenset("b"))


# Many at once


def test_what_many_users_hold_is_one_query_where_it_is_known(
    user, django_user_model, django_assert_num_queries
):
    grace = django_user_model.objects.create_user("grace")
    nobody = django_user_model.objects.create_user("nobody")
    held = {user.pk: frozenset("a"), grace.pk: frozenset("ab"), nobody.pk: frozenset()}
    remember_all(held)
    with django_assert_num_queries(1):
        remember_all(held)
    step()
    remember_all({user.pk: frozenset("b"), grace.pk: frozenset("ab")})
    assert not difference(grace, frozenset("ab"), publish())
    assert [name for name, _, lost in intervals() if lost is not None] == ["a"]


def test_the_differences_of_many_are_those_of_each(
    user, django_user_model, django_assert_num_queries
):
    grace = django_user_model.objects.create_user("grace")
    before = step()
    remember_all({user.pk: frozenset("a"), grace.pk: frozenset("a")})
    with django_assert_num_queries(1):
        found = differences([(one, frozenset("a"), before) for one in (user, grace)])
    assert found == [Difference(), Difference()]
    remember(grace, [])
    after = step()
    asked = [
        (user, frozenset("a"), before),
        (grace, frozenset(), before),
        (grace, frozenset(), after),
    ]
    assert differences(asked) == [difference(*one) for one in asked]
    assert differences(asked)[1].lost == {"a"}
