"""Who is let in: exactly counted within a process, and by presence across processes."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from realtime.admission import Counts, Seat, refusals
from realtime.errors import Busy, TooManyConnections
from realtime.models import Presence
from realtime.relay import relay
from tests.realtime.doubles import connection_of
from tests.realtime.rows import row
from tests.support.off_loop import eventually, off_loop

OFFICE, HOME = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def limits(settings):
    """Set limits; what is not named is not limited."""
    names = ("USER", "ADDRESS")

    def limit(*, user=0, address=0, waiting=0, waiting_per_address=0):
        settings.REALTIME = {
            **{f"MAX_CONNECTIONS_PER_{n}": v for n, v in zip(names, (user, address), strict=True)},
            "MAX_UNAUTHENTICATED": waiting,
            "MAX_UNAUTHENTICATED_PER_ADDRESS": waiting_per_address,
        }

    limit()
    return limit


@pytest.fixture
def arrived(counts):
    def arrive(network=OFFICE, user=None):
        seat = Seat(network, counts)
        seat.arrive()
        if user is not None:
            seat.take(user)
        return seat

    return arrive


def test_a_user_has_so_many_connections_and_no_more(limits, arrived):
    limits(user=2)
    first, _ = arrived(user=7), arrived(user=7)
    arrived(user=8)
    third = arrived()
    with pytest.raises(TooManyConnections, match="Close some"):
        third.take(7)
    first.leave()
    third.take(7)


def test_an_address_has_so_many_connections_whoever_they_are(limits, arrived):
    limits(address=2)
    first, _ = arrived(user=7), arrived()
    with pytest.raises(Busy, match="address"):
        arrived()
    arrived(HOME)
    first.leave()
    arrived()


def test_who_says_nothing_of_where_they_come_from_is_not_counted_by_address(limits, arrived):
    limits(address=1, waiting_per_address=1)
    for _ in range(5):
        arrived(None, user=7)


def test_so_many_may_be_without_a_user_and_the_others_come_back_later(limits, arrived, settings):
    limits(waiting=2)
    settings.REALTIME |= {"RETRY_AFTER": (1.0, 2.0)}
    first, _ = arrived(), arrived(HOME)
    with pytest.raises(Busy) as raised:
        arrived()
    assert 1 <= raised.value.retry_after <= 2
    first.take(7)
    third = arrived()
    with pytest.raises(Busy):
        arrived()
    third.leave()
    arrived()


def test_those_who_come_back_do_not_come_at_once(limits, arrived):
    limits(waiting=1)
    arrived()
    waits = set()
    for _ in range(10):
        with pytest.raises(Busy) as raised:
            arrived()
        waits.add(raised.value.retry_after)
    assert len(waits) == 10


def test_one_address_cannot_keep_the_others_out(limits, arrived):
    limits(waiting=10, waiting_per_address=2)
    arrived(), arrived()
    with pytest.raises(Busy):
        arrived()
    arrived(HOME)


def test_a_limit_of_nothing_is_no_limit(limits, arrived, settings):
    settings.REALTIME = dict.fromkeys(settings.REALTIME)
    for _ in range(2000):
        arrived(user=7)
        arrived()


def test_who_is_refused_takes_up_nothing(limits, arrived, counts):
    limits(user=1, address=3)
    arrived(user=7)
    second = arrived()
    with pytest.raises(TooManyConnections):
        second.take(7)
    second.leave()
    arrived(), arrived()
    with pytest.raises(Busy):
        arrived()
    assert counts["address", OFFICE] == 3


def test_leaving_twice_gives_back_once(limits, arrived, counts):
    seats = [arrived(user=7), arrived(user=7)]
    seats[0].leave()
    seats[0].leave()
    assert counts["user", "7"] == 1
    seats[1].leave()
    assert len(counts) == 0


def test_threads_that_arrive_at_once_do_not_exceed_a_limit(limits, counts):
    limits(user=5)
    together, outcomes = threading.Barrier(8), []

    def arrive():
        together.wait()
        for _ in range(50):
            seat = Seat(None, counts)
            seat.arrive()
            try:
                seat.take(7)
            except TooManyConnections:
                seat.leave()
            else:
                outcomes.append(seat)

    threads = [threading.Thread(target=arrive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(outcomes), counts["user", "7"]) == (5, 5)


class Seats(RuleBasedStateMachine):
    """Connections arrive, become a user's and leave, against counting all of them anew."""

    LIMITS = {"user": 3, "address": 4, "waiting": 3}

    @initialize()
    def begin(self):
        self.counts, self.seats = Counts(), []

    @rule(network=st.sampled_from([OFFICE, HOME, None]))
    def arrive(self, network):
        seat = Seat(network, self.counts)
        try:
            seat.arrive()
        except (Busy, TooManyConnections):
            return
        self.seats.append([seat, network, None])

    @rule(data=st.data(), user=st.integers(1, 2))
    def take(self, data, user):
        waiting = [entry for entry in self.seats if entry[2] is None]
        if not waiting:
            return
        entry = data.draw(st.sampled_from(waiting))
        has = sum(1 for _, _, other in self.seats if other == user)
        if has < self.LIMITS["user"]:
            entry[0].take(user)
            entry[2] = user
            return
        with pytest.raises(TooManyConnections):
            entry[0].take(user)

    @rule(data=st.data())
    def leave(self, data):
        if self.seats:
            entry = data.draw(st.sampled_from(self.seats))
            entry[0].leave()
            self.seats.remove(entry)

    @invariant()
    def the_counts_are_those_of_the_connections_that_stand(self):
        for network in (OFFICE, HOME):
            of_network = [entry for entry in self.seats if entry[1] == network]
            assert self.counts["address", network] == len(of_network) <= self.LIMITS["address"]
        for user in (1, 2):
            found = sum(1 for entry in self.seats if entry[2] == user)
            assert self.counts["user", str(user)] == found <= self.LIMITS["user"]
        waiting = sum(1 for entry in self.seats if entry[2] is None)
        assert self.counts["waiting", ""] == waiting <= self.LIMITS["waiting"]
        if not self.seats:
            assert len(self.counts) == 0


@pytest.fixture
def few(limits):
    limits(user=Seats.LIMITS["user"], address=Seats.LIMITS["address"], waiting=3)


@pytest.mark.usefixtures("few")
class TestSeats(Seats.TestCase):
    settings = hypothesis_settings(max_examples=60, deadline=None)


# Across processes


def refused(seat):
    (why,) = refusals([seat])
    return why


@pytest.mark.django_db
class TestElsewhere:
    """What other processes hold counts as they last said it."""

    def test_the_connections_of_other_processes_count(self, limits, arrived):
        limits(user=3)
        row("a"), row("b", relay=uuid.UUID(int=2))
        seat = arrived(user=7)
        assert refusals([seat]) == [None]
        assert refused(arrived(user=7))

    def test_so_do_those_of_the_same_address_whoever_they_are(self, limits, arrived):
        limits(address=2)
        row(user_id="8", network=OFFICE)
        assert not refused(arrived(user=7))
        assert refused(arrived(user=7))
        assert not refused(arrived(HOME, user=7))

    def test_those_of_others_and_of_silent_processes_do_not(self, limits, arrived):
        limits(user=1, address=1)
        row(user_id="8", network=HOME)
        row(silent_for=61, network=OFFICE)
        assert not refused(arrived(user=7))

    def test_a_client_comes_back_when_the_living_have_confirmed_theirs(
        self, limits, arrived, settings
    ):
        limits(user=1)
        settings.REALTIME |= {"PRESENCE_INTERVAL": 10}
        row()
        assert 10 <= refused(arrived(user=7)).retry_after <= 20

    def test_it_takes_one_query_for_all_and_none_without_limits(self, limits, arrived):
        limits(user=5, address=5)
        seats = [arrived(user=7), arrived(user=8), arrived(HOME, user=8)]
        with CaptureQueriesContext(database) as found:
            refusals(seats)
        assert len(found) == 1
        limits()
        with CaptureQueriesContext(database) as found:
            refusals(seats)
        assert len(found) == 0

    def test_of_many_who_come_at_once_those_have_to_wait_who_are_too_many(self, limits, arrived):
        limits(user=3, address=4)
        row("a"), row("b", network=OFFICE), row("c", user_id="8", network=OFFICE)
        row("d", user_id="9", network=HOME)
        seats = [arrived(user=7), arrived(HOME, user=8), arrived(HOME, user=9), arrived(user=8)]
        assert [why is not None for why in refusals(seats)] == [False, False, False, False]
        seats.append(arrived(user=7))
        assert [why is not None for why in refusals(seats)] == [True, False, False, True, True]


@pytest.mark.django_db(transaction=True)
async def test_what_this_process_has_written_is_not_counted_twice(
    limits, arrived, django_user_model
):
    limits(user=2)
    ada = await off_loop(lambda: django_user_model.objects.create(username="ada"))
    async with relay() as running:
        await running.refresh()
        running.join(connection_of(ada))
        await eventually(Presence.objects.count)
        arrived(user=ada.pk)
        assert not await off_loop(refused, arrived(user=ada.pk))
