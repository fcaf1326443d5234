"""Whatever is written behind the log's back is found, said and, if asked for, recorded."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios
import uuid
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction

from sync import codec, keyset
from sync.differences import (
    AUDIENCE,
    MISSING_IN_LOG,
    MISSING_IN_TABLE,
    VALUES,
    Difference,
    key_of,
)
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.ranges import HashedRanges, KeyRanges, extent_of
from sync.reading import changes_since
from sync.registry import registry
from sync.repairing import REASON, repair
from sync.shape import shape_of
from sync.verifying import Verification
from tests.support.environment import ROOT, child_environment
from tests.support.state import database_state
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
    Ticket,
    Unseen,
)

EVERYONE = ["everyone"]


@contextmanager
def unrecorded(model):
    """Have the ORM write a model as raw SQL or another program would: unseen."""
    registration = registry.get(model)
    registry.remove(model)
    try:
        yield
    finally:
        registry.add(registration)


def execute(sql, *params):
    """Write a registered table by raw SQL."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def shape(model):
    return shape_of(registry.get(model), model)


def found(model, **options):
    """Return the differences of a model by record id."""
    differences = list(Verification(model, "default", **options).differences())
    by_id = {difference.record_id: difference for difference in differences}
    assert len(by_id) == len(differences)
    return by_id


def kinds(model, **options):
    return {name: difference.kinds for name, difference in found(model, **options).items()}


def run(*arguments, **options):
    out = io.StringIO()
    call_command("sync_verify", *arguments, stdout=out, **options)
    return out.getvalue().splitlines()


def run_and_find(*arguments, **options):
    """Return what the command prints that ends with an error, and the error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("sync_verify", *arguments, stdout=out, **options)
    assert error.value.returncode == 1
    return [*out.getvalue().splitlines(), str(error.value)]


def assert_whole(model):
    """Hold that verifying finds nothing, and that a replayed client equals the database."""
    assert found(model) == {}
    assert applied({}, published()) == database_state()


def stocks(count, **values):
    return Stock.objects.bulk_create(
        [Stock(sku=str(n), warehouse="n", **values) for n in range(count)]
    )


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
        lines = run()
        assert [line for line in lines if not line.endswith("no differences")] == []
        assert len(lines) == len(list(registry))

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
        assert SyncLog.objects.filter(table="testapp_memo", latest=True).count() == 2
        assert found(Memo) == {}
        with unrecorded(Memo):
            Memo.objects.filter(pk=key).delete()
        assert kinds(Memo) == {str(key): (MISSING_IN_TABLE,)}

    def test_a_model_that_is_not_registered_is_nobodys_difference(self):
        Unseen.objects.create(name="a")
        with pytest.raises(CommandError, match="Unseen is not registered"):
            run("testapp.Unseen")

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
        assert run_and_find("testapp.Owner")[0].endswith('different values: name (absent) -> "a"')
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
        stock = stocks(1)[0]
        for name in ("no number", '["a",1]', "", f"0{stock.pk}"):
            entry(name)
        assert set(kinds(Stock).values()) == {(MISSING_IN_TABLE,)}
        assert set(found(Stock, range_size=1)) == {"no number", '["a",1]', "", f"0{stock.pk}"}
        for name in found(Stock):
            assert repair(shape(Stock), name, "default")
        assert found(Stock) == {}


def delete_own_row(instance):
    """Delete a row and not, as the ORM would, that of a parent as well."""
    model = type(instance)
    models.QuerySet(model).filter(pk=instance.pk)._raw_delete("default")


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


@pytest.mark.django_db
class TestRanges:
    def test_only_ranges_that_differ_are_read_again(self, django_assert_max_num_queries):
        made = stocks(100)
        with unrecorded(Stock):
            Stock.objects.filter(pk=made[41].pk).update(quantity=1)
            Stock.objects.filter(pk=made[42].pk).update(quantity=1)
        verification = Verification(Stock, "default", range_size=10)
        asked = []
        for side in (verification._table, verification._log):
            read = side.digests
            side.digests = lambda numbers, read=read: asked.append(read(numbers)) or asked[-1]
        assert len(list(verification.differences())) == 2
        places = {made[n].pk // 10 for n in (41, 42)}
        expected = {str(stock.pk) for stock in made if stock.pk // 10 in places}
        assert [set(digests) for digests in asked] == [expected, expected]
        assert (verification.ranges, verification.read) in [(10, 1), (11, 1), (10, 2), (11, 2)]
        assert verification.read == len(places)
        assert verification.records == 100

    def test_tables_that_agree_are_read_once(self):
        stocks(100)
        verification = Verification(Stock, "default", range_size=10)
        verification._table.digests = verification._log.digests = None
        assert list(verification.differences()) == []
        assert verification.read == 0

    def test_progress_counts_both_sides(self):
        stocks(20)
        verification = Verification(Stock, "default")
        told = []
        list(verification.differences(told.append))
        assert sum(told) == verification.rows == 40

    def test_sparse_keys_are_spread_evenly(self):
        """Ranges of keys would be as many as records, or one would hold nearly all."""
        stocks(5)
        assert extent_of(shape(Stock), "default", 10).ranges == KeyRanges(10)
        far = Stock.objects.create(pk=10**15, sku="far", warehouse="n")
        publish()
        assert extent_of(shape(Stock), "default", 10).ranges == HashedRanges(1)
        assert extent_of(shape(Stock), "default", 2).ranges == HashedRanges(4)
        with unrecorded(Stock):
            Stock.objects.filter(pk=far.pk).update(quantity=1)
        assert kinds(Stock, range_size=2) == {str(10**15): (VALUES,)}

    def test_negative_and_large_keys_have_their_ranges(self):
        for key in (-25, -10, -1, 0, 1, 9, 10):
            Owner.objects.create(pk=key, name="a")
        assert found(Owner, range_size=10) == {}
        with unrecorded(Owner):
            Owner.objects.filter(pk__lt=0).update(name="b")
        assert set(found(Owner, range_size=10)) == {"-25", "-10", "-1"}
        Stock.objects.create(pk=2**63 - 1, sku="a", warehouse="n")
        with unrecorded(Stock):
            Stock.objects.update(quantity=1)
        assert set(found(Stock)) == {str(2**63 - 1)}

    def test_many_ranges_that_differ_are_read_in_batches(self, monkeypatch):
        made = stocks(30)
        with unrecorded(Stock):
            Stock.objects.update(quantity=1)
        everything = {str(stock.pk) for stock in made}
        monkeypatch.setattr("sync.verifying.MAX_RANGES_AT_ONCE", 2)
        monkeypatch.setattr("sync.verifying.CHUNK", 3)
        assert set(found(Stock, range_size=4)) == everything
        monkeypatch.setattr("sync.verifying.HELD", 1)
        assert set(found(Stock, range_size=4)) == everything

    def test_a_range_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="at least one"):
            Verification(Stock, "default", range_size=0)

    @pytest.mark.parametrize(
        ("model", "record_id", "key"),
        [
            (Owner, "7", 7),
            (Owner, "seven", None),
            (Ticket, "00000000-0000-0000-0000-000000000007", uuid.UUID(int=7)),
            (Ticket, "7", None),
            (Seat, '["a",7]', ("a", 7)),
            (Seat, '["a"]', None),
            (Seat, "7", None),
            (Seat, "no json", None),
            (Restaurant, "7", 7),
        ],
    )
    def test_a_record_id_names_a_key_or_none(self, model, record_id, key):
        assert key_of(shape(model), record_id) == key


@pytest.mark.django_db
class TestTheCommand:
    @pytest.fixture
    def different(self):
        made = stocks(5)
        with unrecorded(Stock):
            Stock.objects.filter(pk=made[0].pk).update(sku="x" * 20, quantity=7)
            Stock.objects.filter(pk=made[1].pk).delete()
            Stock.objects.create(pk=made[4].pk + 1, sku="new", warehouse="n")
        return made

    def test_it_prints_what_differs_and_fails(self, different):
        key = different[0].pk
        assert run_and_find("testapp.Stock") == [
            f'testapp.Stock {key}: different values: quantity 0 -> 7, sku "0" -> "{"x" * 20}"',
            f"testapp.Stock {key + 1}: missing in the table",
            f"testapp.Stock {key + 5}: missing in the log",
            "testapp.Stock: 5 records in 1 ranges, of which 1 read again: 1 missing in the log,"
            " 1 missing in the table, 1 different values",
            "3 records differ. Record what the tables hold by --repair.",
        ]

    def test_it_repairs_and_succeeds(self, different):
        assert run("testapp.Stock", repair=True)[-1].endswith("; 3 repaired")
        assert SyncLog.objects.pending().count() == 0
        assert_whole(Stock)
        assert run("testapp.Stock") == [
            "testapp.Stock: 5 records in 1 ranges, of which 0 read again: no differences"
        ]

    def test_it_prints_as_many_as_wanted_and_counts_all(self, different):
        lines = run_and_find("testapp.Stock", limit=1)
        assert len(lines) == 3
        assert lines[-1].startswith("3 records differ")
        assert len(run_and_find("testapp.Stock", limit=0)) == 2

    def test_long_values_are_cut(self, db):
        owner = Owner.objects.create(name="a")
        with unrecorded(Owner):
            Owner.objects.update(name="b" * 100)
        [line, *_] = run_and_find("testapp.Owner")
        shown = '"' + "b" * 59
        assert line == (
            f'testapp.Owner {owner.pk}: different values: name "a" -> {shown}… (102 characters)'
        )

    def test_the_named_models_alone_are_compared(self, different):
        assert len(run("testapp.Owner", "testapp.Ticket")) == 2

    @pytest.mark.parametrize("label", ["testapp.Unseen", "testapp.Nothing", "no.Owner", "Owner"])
    def test_a_model_that_is_not_registered_is_refused(self, label):
        with pytest.raises(CommandError):
            run(label)

    def test_an_unknown_database_is_refused(self):
        with pytest.raises(CommandError, match="no database 'elsewhere'"):
            run(database="elsewhere")

    @pytest.mark.parametrize("arguments", [["--range-size", "0"], ["--limit", "-1"]])
    def test_impossible_numbers_are_refused(self, arguments):
        with pytest.raises(CommandError):
            run(*arguments)

    def test_what_cannot_be_recorded_is_left_and_said(self, register, different):
        register(Stock, audience=lambda stock: "a" * 300)
        lines = run_and_find("testapp.Stock", repair=True)
        assert sum("not repaired: The audience" in line for line in lines) == 5
        assert lines[-1] == "5 of the records that differ are not repaired: run it again."


@pytest.mark.django_db(transaction=True)
def test_a_bar_is_shown_to_a_person_and_the_exit_code_tells():
    stocks(7)
    assert "testapp.Stock: 100%" in in_a_terminal("testapp.Stock", code=0)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    assert "7 records differ" in in_a_terminal("testapp.Stock", "-v", "0", code=1)
    assert in_a_terminal("testapp.Stock", "-v", "0", "--repair", code=0) == ""


def in_a_terminal(*arguments, code):
    """Return what the command writes to the terminal that is its standard error."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    with os.fdopen(terminal, "rb", buffering=0) as shown:
        process = subprocess.run(
            [sys.executable, "manage.py", "sync_verify", *arguments],
            cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=end, timeout=120,
        )  # fmt: skip
        os.write(end, b"\x00")
        os.close(end)
        text = b""
        while not text.endswith(b"\x00"):
            text += shown.read(4096)
    assert process.returncode == code, text
    return text[:-1].decode()
