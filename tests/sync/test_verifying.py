"""Whatever is written behind the log's back is found, told and, if asked for, recorded."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from sync import codec, keyset
from sync.differences import (
    AUDIENCE,
    MISSING_IN_LOG,
    MISSING_IN_TABLE,
    VALUES,
    Difference,
)
from sync.errors import NotRegistered
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.reading import changes_since
from sync.registry import registry
from sync.repairing import REASON, repair
from sync.verifying import Verification
from tests.support.state import database_state
from tests.sync.behind import (
    assert_whole,
    delete_own_row,
    execute,
    found,
    kinds,
    shape,
    stocks,
    unrecorded,
)
from tests.sync.observing import applied, name_of, published, recorded
from tests.sync.values import HARD_VALUES
from tests.testapp.models import (
    Account,
    Article,
    Comment,
    Draft,
    Everything,
    Label,
    Line,
    Memo,
    Node,
    Owner,
    Reader,
    Reading,
    Restaurant,
    Seat,
    Stamped,
    Stock,
    Team,
    Ticket,
    Unseen,
)

EVERYONE = ["everyone"]


@pytest.mark.django_db
class TestTablesThatAgree:
    def test_an_empty_table_and_an_empty_log_agree(self):
        assert found(Owner) == {}

    def test_every_registered_model_agrees_after_writes_of_every_type(self, red, blue):
        Everything.objects.create(**HARD_VALUES)
        Everything.objects.create()
        Stamped.objects.create(name="a")
        Ticket.objects.create(subject="a")
        Seat.objects.create(room='a"b\\', number=-1)
        owner = Owner.objects.create(name="b")
        Node.objects.create(name="below", parent=Node.objects.create(name="above"))
        article = Article.objects.create(title="a")
        article.labels.add(Label.objects.create(name="l"))
        article.related.add(Article.objects.create(title="b"))
        Reading.objects.create(article=article, reader=Reader.objects.create(name="r"))
        Comment.objects.create(subject=owner, text="c")
        Restaurant.objects.create(name="r", stars=3)
        Line.objects.create(price=3, quantity=4)
        memo = Memo.objects.create(team=red, text="a")
        memo.team = blue
        memo.save()
        Account.objects.create(name="a", password="p")
        Draft.objects.create(title="t", scratch="kept back")
        stocks(3)
        for registration in registry:
            assert found(registration.model) == {}

    def test_what_was_deleted_made_again_or_saved_unchanged_agrees(self):
        first, second, third = stocks(3)
        key = first.pk
        first.delete()
        second.delete()
        publish()
        Stock.objects.create(pk=key, sku="again", warehouse="n")
        third.save()
        assert found(Stock) == {}

    def test_a_record_that_came_back_for_another_audience_agrees(self, red, blue):
        """Its delete stays the latest entry of the former audience."""
        memo = Memo.objects.create(team=red, text="a")
        key = memo.pk
        publish()
        memo.delete()
        publish()
        Memo.objects.create(pk=key, team=blue, text="b")
        publish()
        assert SyncLog.objects.newest().filter(table="testapp_memo").count() == 2
        assert found(Memo) == {}
        with unrecorded(Memo):
            Memo.objects.filter(pk=key).delete()
        assert kinds(Memo) == {str(key): (MISSING_IN_TABLE,)}

    def test_a_model_that_is_not_registered_has_no_log_to_agree_with(self):
        with pytest.raises(NotRegistered, match=r"testapp\.Unseen is not registered"):
            Verification(Unseen, "default")

    def test_entries_that_cannot_be_published_yet_count(self, monkeypatch):
        """Inside a transaction of the host nothing is published."""
        first, second, third, fourth = stocks(4)
        publish()
        with transaction.atomic():
            Stock.objects.filter(pk=first.pk).update(quantity=1)
            Stock.objects.filter(pk=first.pk).update(quantity=2)
            second.delete()
            Stock.objects.create(sku="new", warehouse="n")
            with unrecorded(Stock):
                Stock.objects.filter(pk__in=[first.pk, third.pk]).update(quantity=9)
            gone, changed = str(third.pk), str(first.pk)
            assert SyncLog.objects.pending().count() == 4
            differences = found(Stock)
            assert differences[changed].fields == {"quantity": (2, 9)}
            assert differences[gone].fields == {"quantity": (0, 9)}
            assert len(differences) == 2


@pytest.mark.django_db
class TestDifferences:
    def test_a_record_of_each_kind_is_found_and_repaired(self, red, blue):
        kept, gone, changed, moved = (
            Memo.objects.create(team=red, text=text) for text in ("kept", "gone", "old", "moved")
        )
        with unrecorded(Memo):
            new = Memo.objects.create(team=blue, text="new")
            Memo.objects.filter(pk=gone.pk).delete()
            Memo.objects.filter(pk=changed.pk).update(text="changed")
            Memo.objects.filter(pk=moved.pk).update(team=blue)
        names = [str(gone_id) for gone_id in (gone.pk, changed.pk, moved.pk, new.pk)]
        audiences = (f"team:{red.pk}", f"team:{blue.pk}")
        assert found(Memo) == {
            names[0]: Difference(names[0], (MISSING_IN_TABLE,)),
            names[1]: Difference(names[1], (VALUES,), {"text": ("old", "changed")}),
            names[2]: Difference(
                names[2], (VALUES, AUDIENCE), {"team_id": (red.pk, blue.pk)}, audiences
            ),
            names[3]: Difference(names[3], (MISSING_IN_LOG,)),
        }
        with recorded() as entries:
            for name in names:
                assert repair(shape(Memo), name, "default")
                assert not repair(shape(Memo), name, "default")
        assert [(e.record_id, e.action) for e in entries if e.cause != "moved"] == [
            (names[0], "delete"), (names[1], "update"), (names[2], "update"), (names[3], "insert"),
        ]  # fmt: skip
        assert {(entry.source, entry.reason) for entry in entries} == {("command", REASON)}
        assert not repair(shape(Memo), str(kept.pk), "default")
        assert_whole(Memo)
        heard = {}
        for audience in audiences:
            page = changes_since(None, [audience]).changes
            heard[audience] = {entry.values["text"] for entry in page}
        assert heard == {audiences[0]: {"kept", "changed"}, audiences[1]: {"moved", "new"}}

    def test_an_audience_alone_may_differ(self, register, red, blue):
        memo = Memo.objects.create(team=red, text="a")
        publish()
        register(Memo, audience=lambda memo: f"somebody:{memo.team_id}")
        [difference] = found(Memo).values()
        assert difference.kinds == (AUDIENCE,)
        assert difference.audience == (f"team:{red.pk}", f"somebody:{red.pk}")
        assert repair(shape(Memo), str(memo.pk), "default")
        publish()
        assert changes_since(None, [f"team:{red.pk}"]).changes == []
        assert_whole(Memo)

    def test_what_was_deleted_behind_the_back_is_deleted_as_the_log_knew_it(self, red):
        """Its row cannot say any more who heard it, nor what it held."""
        memo = Memo.objects.create(team=red, text="a")
        execute(f"DELETE FROM testapp_memo WHERE id = {memo.pk}")
        repair(shape(Memo), str(memo.pk), "default")
        publish()
        last = published()[-1]
        assert (last.action, last.audience) == ("delete", f"team:{red.pk}")
        assert last.values["text"] == "a"
        assert last.latest

    @pytest.mark.parametrize("model", [Ticket, Seat, Restaurant, Stamped])
    def test_keys_of_every_kind_are_found_and_repaired(self, model, monkeypatch):
        monkeypatch.setattr(keyset, "PAGE", 3)
        make = {
            Ticket: lambda n: Ticket.objects.create(pk=uuid.UUID(int=n), subject="a"),
            Seat: lambda n: Seat.objects.create(room=f'{n % 3}é"', number=n),
            Restaurant: lambda n: Restaurant.objects.create(name="a"),
            Stamped: lambda n: Stamped.objects.create(name="a"),
        }[model]
        made = [make(n) for n in range(10)]
        changed, gone = made[3], made[7]
        field = {Ticket: "subject", Seat: "guest", Restaurant: "stars", Stamped: "name"}[model]
        value = 7 if model is Restaurant else "changed"
        with unrecorded(model):
            new = make(11)
            model.objects.filter(pk=changed.pk).update(**{field: value})
            delete_own_row(gone)
        expected = {
            name_of(changed): (VALUES,),
            name_of(gone): (MISSING_IN_TABLE,),
            name_of(new): (MISSING_IN_LOG,),
        }
        assert kinds(model, range_size=2) == kinds(model) == expected
        for name in expected:
            assert repair(shape(model), name, "default")
        assert_whole(model)

    def test_a_field_that_the_log_lacks_is_told_as_absent(self, register):
        register(Owner, fields=["id"])
        owner = Owner.objects.create(name="a")
        register(Owner)
        assert str(found(Owner)[str(owner.pk)].fields) == "{'name': ((absent), 'a')}"
        repair(shape(Owner), str(owner.pk), "default")
        assert_whole(Owner)

    def test_fields_that_do_not_sync_do_not_differ(self):
        draft = Draft.objects.create(title="t", scratch="a")
        with unrecorded(Draft):
            Draft.objects.update(scratch="b")
        assert found(Draft) == {}
        with unrecorded(Draft):
            Draft.objects.update(title="u")
        assert found(Draft)[str(draft.pk)].fields == {"title": ("t", "u")}

    def test_ids_that_no_key_can_have_are_missing_in_the_table(self):
        [stock] = stocks(1)
        odd = {"no number", '["a",1]', "", "-", "1-2", f"0{stock.pk}", "9" * 19, "-" + "9" * 40}
        for name in odd:
            entry(name)
        expected = dict.fromkeys(odd, (MISSING_IN_TABLE,))
        assert kinds(Stock) == kinds(Stock, range_size=1) == expected
        for name in odd:
            assert repair(shape(Stock), name, "default")
        assert found(Stock) == {}

    def test_more_differences_than_one_statement_can_ask_for(self):
        seats = [Seat(room="a", number=n) for n in range(1200)]
        with unrecorded(Seat):
            Seat.objects.bulk_create(seats)
        assert kinds(Seat) == {name_of(seat): (MISSING_IN_LOG,) for seat in seats}


def entry(record_id, table="testapp_stock"):
    """Have the log believe in a record."""
    SyncLog._base_manager.bulk_create(
        [
            SyncLog(
                table=table, record_id=record_id, action="insert", data="{}", audience="everyone",
                transaction=uuid.uuid4(), source="task",
            )
        ]
    )  # fmt: skip


@pytest.mark.django_db
class TestRedactedValues:
    @pytest.fixture
    def owner(self):
        owner = Owner.objects.create(name="secret")
        publish()
        with log_maintenance():
            SyncLog.objects.update(
                data=codec.to_json({"id": owner.pk, "name": None}), redacted='["name"]'
            )
        return owner

    def test_what_was_removed_from_the_history_is_no_difference(self, owner):
        assert found(Owner) == {}

    def test_repairing_another_field_does_not_bring_it_back(self, owner, register):
        with log_maintenance():
            SyncLog.objects.update(data='{"id":0,"name":null}')
        assert found(Owner)[str(owner.pk)].fields == {"id": (0, owner.pk)}
        with recorded() as entries:
            assert repair(shape(Owner), str(owner.pk), "default")
        [repaired] = entries
        assert repaired.values == {"id": owner.pk, "name": None}
        assert repaired.redacted_names == ["name"]
        publish()
        assert found(Owner) == {}


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["seen", "unseen", "publish"]),
        st.sampled_from(["write", "write all", "delete", "make", "move"]),
        st.integers(0, 9),
        st.sampled_from(["a", "b", "é"]),
    ),
    max_size=25,
)


class TestWhateverIsWritten(TestCase):
    """Any writes, some seen and some not: exactly the records that differ are told."""

    @given(OPERATIONS, st.sampled_from([1, 3, 1000]))
    @hypothesis_settings(max_examples=60)
    def test_exactly_what_differs_is_told_and_repaired(self, operations, range_size):
        self.teams = [Team.objects.create(name=name) for name in ("red", "blue")]
        for seen, name, number, text in operations:
            if seen == "publish":
                publish()
            elif seen == "seen":
                self.write(name, number, text)
            else:
                with unrecorded(Memo):
                    self.write(name, number, text)
        publish()
        assert kinds(Memo, range_size=range_size) == told_by_replaying()
        for record_id in told_by_replaying():
            assert repair(shape(Memo), record_id, "default")
        publish()
        assert_whole(Memo)
        for team in self.teams:
            audience = [f"team:{team.pk}", *EVERYONE]
            assert applied({}, changes_since(None, audience).changes) == database_state(audience)

    def write(self, name, number, text):
        memo = Memo.objects.filter(pk=1 + number)
        if name == "write":
            memo.update(text=text)
        elif name == "write all":
            Memo.objects.update(text=text)
        elif name == "delete":
            memo.delete()
        elif name == "move":
            memo.update(team=self.teams[number % 2])
        elif not memo.exists():
            Memo.objects.create(pk=1 + number, team=self.teams[number % 2], text=text)


def told_by_replaying():
    """Return what differs between the table and the log, found by replaying all of the log."""
    table = Memo._meta.db_table
    log = {name: state for (at, name), state in applied({}, published()).items() if at == table}
    rows = {name: state for (at, name), state in database_state().items() if at == table}
    missing = dict.fromkeys(log.keys() - rows.keys(), (MISSING_IN_TABLE,))
    new = dict.fromkeys(rows.keys() - log.keys(), (MISSING_IN_LOG,))
    moved = {
        name: (VALUES, AUDIENCE) if log[name]["team_id"] != rows[name]["team_id"] else (VALUES,)
        for name in log.keys() & rows.keys()
        if log[name] != rows[name]
    }
    return missing | new | moved
