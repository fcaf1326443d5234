"""Random moves, updates and deletes over several audiences, against a model of who may see what.

Each text is written once, so that it can be searched for in the frames. A client may see a text
that a commit showed to one of its audiences, or that a transaction wrote to a record which it did
not move: every audience of the record may see that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from itertools import combinations

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.models import LogHead, Newest, SyncLog
from sync.publishing import publish
from sync.retention import prune
from tests.sync.wire import live_frames, page_frames, stored
from tests.testapp.models import Memo, Team

TEAMS = 3
SUBSETS = [frozenset(part) for size in (1, 2, 3) for part in combinations(range(TEAMS), size)]
TEXT = re.compile(r"text-\d+-")

picks, teams = st.integers(0, 20), st.integers(0, TEAMS - 1)
writes = st.one_of(
    st.tuples(st.just("make"), teams),
    st.tuples(st.just("write"), picks),
    st.tuples(st.just("move"), picks, teams),
    st.tuples(st.just("move"), picks, teams),
    st.tuples(st.just("move_and_write"), picks, teams),
    st.tuples(st.just("touch"), picks),
    st.tuples(st.just("remove"), picks),
    st.tuples(st.just("make_again"), picks, teams),
)
steps = st.one_of(
    st.lists(writes, min_size=1, max_size=4),
    st.lists(writes, min_size=1, max_size=4),
    st.lists(writes, min_size=1, max_size=4),
    st.just("publish"),
    st.just("prune"),
)


class World:
    """The rows as the commits left them, and which team may have seen which text."""

    def __init__(self):
        for model in (Memo, Team, Newest, SyncLog, LogHead):
            model._base_manager.all()._raw_delete("default")
        self.keys = [Team.objects.create(name=str(index)).pk for index in range(TEAMS)]
        self.rows = {}
        self.made = []
        self.seen = defaultdict(set)
        self.start = publish()
        self._words = 0

    def commit(self, operations):
        """Run operations as one transaction."""
        before, self.written = dict(self.rows), defaultdict(list)
        with transaction.atomic():
            for name, *arguments in operations:
                getattr(self, name)(*arguments)
        for pk, states in self.written.items():
            told = [state for state in (before.get(pk), *states) if state is not None]
            if len({team for team, _ in told}) > 1:
                told = [self.rows[pk]] if pk in self.rows else []
            for team, text in told:
                self.seen[team].add(text)

    def make(self, team):
        self._insert(Memo(team_id=self.keys[team], text=self._word()), team)

    def make_again(self, pick, team):
        gone = [pk for pk in self.made if pk not in self.rows]
        if gone:
            pk = gone[pick % len(gone)]
            self._insert(Memo(pk=pk, team_id=self.keys[team], text=self._word()), team)

    def write(self, pick):
        for pk, (team, _) in self._pick(pick):
            self._put(pk, team, self._word())

    def move(self, pick, team):
        for pk, (_, text) in self._pick(pick):
            self._put(pk, team, text)

    def move_and_write(self, pick, team):
        for pk, _ in self._pick(pick):
            self._put(pk, team, self._word())

    def touch(self, pick):
        for pk, (team, text) in self._pick(pick):
            self._put(pk, team, text)

    def remove(self, pick):
        for pk, _ in self._pick(pick):
            Memo.objects.filter(pk=pk).delete()
            del self.rows[pk]

    def heard_by(self, part):
        return {
            ("testapp_memo", str(pk)): {"id": pk, "team_id": self.keys[team], "text": text}
            for pk, (team, text) in self.rows.items()
            if team in part
        }

    def names(self, part):
        return {f"team:{self.keys[team]}" for team in part}

    def _insert(self, memo, team):
        memo.save(force_insert=True)
        self.made.append(memo.pk)
        self.rows[memo.pk] = team, memo.text
        self.written[memo.pk].append((team, memo.text))

    def _put(self, pk, team, text):
        Memo.objects.filter(pk=pk).update(team_id=self.keys[team], text=text)
        self.rows[pk] = team, text
        self.written[pk].append((team, text))

    def _pick(self, pick):
        rows = sorted(self.rows.items())
        return [rows[pick % len(rows)]] if rows else []

    def _word(self):
        self._words += 1
        return f"text-{self._words}-"


class Clients:
    """For each set of audiences the stores that live clients had, and where they left."""

    def __init__(self, world):
        self.world = world
        self.left = {part: [(world.start, {})] for part in SUBSETS}

    def listen(self):
        """Publish, and have everybody apply what is told live."""
        end = publish()
        for part, stores in self.left.items():
            start, store = stores[-1]
            frames = live_frames(start, self.world.names(part))
            self._look_through(frames, part)
            stores.append((end, stored(store, frames)))
            assert stores[-1][1] == self.world.heard_by(part)
        assert_the_newest_are_listed()

    def come_back(self, limit):
        """Have everybody come back from wherever they ever were, and from nowhere."""
        for part, stores in self.left.items():
            for start, store in [(None, {}), *stores]:
                frames = page_frames(start, self.world.names(part), limit=limit)
                self._look_through(frames, part)
                known = {} if '"reset":true' in frames[0] else store
                assert stored(known, frames) == self.world.heard_by(part)

    def come_back_in_parts(self, limit):
        """Have clients ask for one of their audiences after the other, in either order."""
        for part, stores in self.left.items():
            names = sorted(self.world.names(part))
            for start, store in stores:
                for order in (names, names[::-1]):
                    held, is_reset = store, False
                    for name in order:
                        frames = page_frames(start, [name], limit=limit, heard=names)
                        is_reset = is_reset or '"reset":true' in frames[0]
                        held = stored(held, frames)
                    assert is_reset or held == self.world.heard_by(part)

    def _look_through(self, frames, part):
        seen = set().union(*(self.world.seen[team] for team in part))
        assert set(TEXT.findall("\n".join(frames))) <= seen


def assert_the_newest_are_listed():
    """Of each record and audience the last entry that is heard, and nothing else."""
    newest = {}
    for entry in SyncLog.objects.published().order_by("seq"):
        if not entry.is_unchanged:
            newest[entry.table, entry.record_id, entry.audience] = entry
    listed = {one.entry_id: one for one in Newest.objects.all()}
    assert listed.keys() == {entry.pk for entry in newest.values()}
    for entry in newest.values():
        row = listed[entry.pk]
        assert (row.seq, row.table, row.record_id, row.audience, row.action) == (
            entry.seq,
            entry.table,
            entry.record_id,
            entry.audience,
            entry.action,
        )


@pytest.mark.django_db(transaction=True)
@given(steps=st.lists(steps, max_size=12), limit=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_client_holds_its_records_and_saw_nothing_else(steps, limit):
    world = World()
    clients = Clients(world)
    for step in steps:
        if step == "publish":
            clients.listen()
        elif step == "prune":
            for _ in prune(older_than=timedelta()):
                pass
            assert_the_newest_are_listed()
        else:
            world.commit(step)
    clients.listen()
    clients.come_back(limit)
    clients.come_back_in_parts(limit)
