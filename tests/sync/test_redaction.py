"""A value that is redacted is in no entry any more, and every client is told to forget it."""

from __future__ import annotations

import io
import uuid

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.signals import post_save

import sync
from sync import codec, rewriting
from sync.errors import NotRegistered, RedactionError
from sync.models import REDACTED, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from sync.registry import registry
from sync.signals import recorded as recorded_signal
from tests.support.state import database_state
from tests.sync.observing import Statements, applied, published, recorded
from tests.testapp.models import (
    Account,
    Draft,
    Everything,
    Memo,
    Owner,
    QuietPlace,
    Restaurant,
    Seat,
    Stock,
    Ticket,
    Unseen,
)

pytestmark = pytest.mark.django_db

SECRET = "hunter2@example.org"
EVERYONE = ["everyone"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(rewriting, "BATCH", 2)


@pytest.fixture(params=["published", "pending", "partly published"])
def owner(request):
    """A record whose history holds the secret and whose row does not any more."""
    made = Owner.objects.create(name=SECRET)
    for name in ("other", SECRET, SECRET * 2):
        Owner.objects.update(name=name)
    if request.param != "pending":
        publish()
    Owner.objects.update(name="")
    if request.param == "published":
        publish()
    return made


def whole_log():
    """Return all that the log's table holds, column by column, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sync_log")
        return repr(cursor.fetchall())


def last():
    return SyncLog.objects.order_by("-id").first()


def test_the_value_is_nowhere_in_the_log(owner):
    assert SECRET in whole_log()
    assert sync.redact(owner, ["name"]) == 5
    assert SECRET not in whole_log()
    publish()
    assert SECRET not in whole_log()


def test_each_entry_says_what_was_removed_from_it_and_keeps_the_rest():
    stock = Stock.objects.create(sku=SECRET, warehouse="n", quantity=3)
    Stock.objects.update(sku="", quantity=4)
    publish()
    sync.redact(stock, ["sku"])
    made, cleared = published()
    assert made.values == {"id": stock.pk, "sku": None, "warehouse": "n", "quantity": 3}
    assert cleared.values["quantity"] == 4
    assert cleared.changed_names == ["quantity", "sku"]
    assert [entry.redacted_names for entry in (made, cleared)] == [["sku"], ["sku"]]


def test_several_fields_are_removed_at_once_and_one_after_the_other():
    stock = Stock.objects.create(sku=SECRET, warehouse=SECRET)
    Stock.objects.update(sku="", warehouse="")
    assert sync.redact(stock, ["warehouse"]) == 2
    assert sync.redact(stock, ["sku", "warehouse"]) == 3
    assert {tuple(entry.redacted_names) for entry in SyncLog.objects.all()} == {
        ("sku", "warehouse"),
    }  # fmt: skip
    assert SECRET not in whole_log()


def test_values_of_every_type_are_removed_and_the_others_keep_their_text():
    row = Everything.objects.create(
        options={"b": [1.0, {"a": 2**60}], "a": SECRET}, real=1.0, decimal="1.50", big=2**62,
    )  # fmt: skip
    before = last()
    Everything.objects.update(options={})
    sync.redact(row, ["options"])
    made = SyncLog.objects.order_by("id").first()
    assert made.data == before.data.replace(codec.to_json(before.values["options"]), "null")
    assert SECRET not in whole_log()


def test_a_client_that_follows_is_told_to_forget(owner):
    publish()
    held = changes_since(None, EVERYONE)
    sync.redact(owner, ["name"])
    [change] = changes_since(held.position, EVERYONE).changes
    assert (change.action, change.cause) == ("update", REDACTED)
    entry = SyncLog.objects.get(seq=change.seq)
    assert (entry.event, entry.latest) == ("owner.updated", True)
    assert (change.values, change.changed_names) == ({"id": owner.pk, "name": None}, ["name"])
    assert changes_since(None, EVERYONE).changes == [change]


def test_it_is_told_also_where_the_text_is_the_same_as_before(owner):
    publish()
    sync.redact(owner, ["name"])
    publish()
    before, told = published()[-2:]
    assert before.data == told.data
    assert (told.is_unchanged, told.changed_names) == (False, ["name"])


def test_a_client_hears_the_present_state_of_everything_else():
    stock = Stock.objects.create(sku=SECRET, warehouse="n")
    Stock.objects.update(sku="", quantity=7)
    sync.redact(stock, ["sku"])
    assert last().values == {"id": stock.pk, "sku": None, "warehouse": "n", "quantity": 7}


def test_who_redacted_and_why_is_in_the_history(owner):
    with sync.context(actor="ada", request_id="r-1", source="command"):
        sync.redact(owner, ["name"], reason="asked to be forgotten")
    entry = last()
    assert (entry.actor, entry.request_id, entry.source) == ("ada", "r-1", "command")
    assert (entry.reason, entry.cause) == ("asked to be forgotten", REDACTED)


def test_the_entry_is_announced_like_any_other(owner):
    sent, told = [], []

    def on_save(instance, **kwargs):
        sent.append(instance.cause)

    def on_recorded(using, transaction, **kwargs):
        told.append((using, transaction))

    post_save.connect(on_save, sender=SyncLog)
    recorded_signal.connect(on_recorded)
    try:
        sync.redact(owner, ["name"])
    finally:
        post_save.disconnect(on_save, sender=SyncLog)
        recorded_signal.disconnect(on_recorded)
    assert (sent, told) == ([REDACTED], [("default", last().transaction)])


def test_doing_it_again_does_nothing(owner):
    assert sync.redact(owner, ["name"]) == 5
    before = whole_log()
    assert sync.redact(owner, ["name"]) == 0
    assert whole_log() == before


def test_a_value_that_was_saved_again_is_removed_again(owner):
    sync.redact(owner, ["name"])
    Owner.objects.update(name=SECRET)
    Owner.objects.update(name="")
    assert sync.redact(owner, ["name"]) == 2
    assert SECRET not in whole_log()


def test_other_records_keep_their_values(owner):
    other = Owner.objects.create(name="other")
    ticket = Ticket.objects.create(subject="other")
    sync.redact(owner, ["name"])
    publish()
    state = applied({}, published())
    assert state["testapp_owner", str(other.pk)]["name"] == "other"
    assert state["testapp_ticket", str(ticket.pk)]["subject"] == "other"


def test_a_record_that_never_was_in_the_log_is_left_out_of_it(unregister, register):
    unregister(Owner)
    owner = Owner.objects.create(name="")
    register(Owner)
    assert sync.redact(owner, ["name"]) == 0
    assert sync.redact((Owner, 987), ["name"]) == 0
    assert not SyncLog.objects.exists()


def test_a_record_that_is_gone_is_redacted_and_not_deleted_again(owner):
    pk = owner.pk
    owner.delete()
    publish()
    held = changes_since(None, EVERYONE)
    assert sync.redact((Owner, pk), ["name"], reason="forgotten") == 6
    assert SECRET not in whole_log()
    assert changes_since(held.position, EVERYONE).changes == []
    *_, gone, note = published()
    assert (gone.action, gone.latest, gone.values) == ("delete", True, {"id": pk, "name": None})
    assert (note.cause, note.reason, note.is_unchanged, note.latest) == (
        REDACTED, "forgotten", True, False,
    )  # fmt: skip


def test_a_record_that_is_made_again_after_it_is_heard():
    Owner.objects.create(pk=7, name=SECRET).delete()
    sync.redact((Owner, 7), ["name"])
    Owner.objects.create(pk=7, name="new")
    publish()
    assert applied({}, published()) == database_state()
    assert applied({}, changes_since(None, EVERYONE).changes) == database_state()


def test_a_record_that_the_log_does_not_know_to_be_gone_is_refused(owner):
    Owner.objects.all()._raw_delete("default")
    SyncLog._base_manager.filter(action="delete")._raw_delete("default")
    with pytest.raises(RedactionError, match=r"is gone, and the log .* sync.record_deleted"):
        sync.redact((Owner, owner.pk), ["name"])
    assert SECRET in whole_log()


def test_every_audience_that_ever_heard_the_record(red, blue):
    memo = Memo.objects.create(team=red, text=SECRET)
    publish()
    Memo.objects.update(team=blue)
    publish()
    Memo.objects.update(text="")
    assert sync.redact(memo, ["text"]) == 3
    publish()
    assert SECRET not in whole_log()
    left = changes_since(None, [f"team:{blue.pk}"]).changes
    assert [(entry.cause, entry.values["text"]) for entry in left] == [(REDACTED, None)]
    heard = [entry for entry in published() if entry.audience == f"team:{red.pk}"]
    assert [entry.cause for entry in heard] == ["", "moved"]


def test_a_record_that_moves_with_its_redaction_leaves_its_old_audience(red, blue):
    memo = Memo.objects.create(team=red, text=SECRET)
    Memo.objects.update(text="")
    publish()
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_memo SET team_id = %s", [blue.pk])
    sync.redact(memo, ["text"])
    publish()
    left, came = published()[-2:]
    assert (left.audience, left.cause) == (f"team:{red.pk}", "moved")
    assert (came.audience, came.cause, came.data) == (
        f"team:{blue.pk}",
        REDACTED,
        codec.to_json({"id": memo.pk, "team_id": blue.pk, "text": None}),
    )


def test_a_value_that_the_table_still_holds_is_refused():
    owner = Owner.objects.create(name=SECRET)
    before = whole_log()
    with pytest.raises(RedactionError, match=r"still has a value in name.*keep=True") as caught:
        sync.redact(owner, ["name"])
    assert SECRET not in str(caught.value)
    assert whole_log() == before


def test_a_value_that_may_stay_in_the_table_is_gone_until_the_next_save():
    owner = Owner.objects.create(name="Alan")
    assert sync.redact(owner, ["name"], keep=True) == 1
    assert "Alan" not in whole_log()
    owner.save()
    publish()
    assert published()[-1].changed_names == ["name"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", ""), ("options", {}), ("blob", b""), ("maybe", None), ("integer", 0),
     ("flag", False), ("decimal", 0), ("day", None)],
)  # fmt: skip
def test_what_a_new_record_has_anyway_is_as_good_as_nothing(field, value):
    row = Everything.objects.create(text="a", options={"a": 1}, blob=b"a", maybe=1, integer=1)
    Everything.objects.update(**{field: value})
    assert sync.redact(row, [field]) == 2


@pytest.mark.parametrize(("field", "value"), [("integer", 1), ("maybe", 0), ("options", [0])])
def test_anything_else_is_a_value(field, value):
    row = Everything.objects.create(**{field: value})
    with pytest.raises(RedactionError, match=f"still has a value in {field}"):
        sync.redact(row, [field])


@pytest.mark.parametrize("options", [{"exclude": ["name"]}, {"redact": ["name"]}])
def test_a_value_that_the_next_save_would_not_record_may_stay_in_the_table(register, options):
    owner = Owner.objects.create(name=SECRET)
    register(Owner, **options)
    assert sync.redact(owner, ["name"]) == 1
    publish()
    assert SECRET not in whole_log()
    owner.save()
    publish()
    assert SECRET not in whole_log()
    assert published()[-1].changed_names in ([], ["name"])


def test_a_column_that_the_model_no_longer_has_is_removed_from_the_history(register):
    draft = Draft.objects.create(title="a")
    SyncLog._base_manager.filter(table="testapp_draft")._raw_delete("default")
    sync.record_deleted(Draft, [{"id": draft.pk, "title": "a"}])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_log SET data = %s", [f'{{"id":1,"iban":"{SECRET}"}}'])
    assert sync.redact(draft, ["iban"]) == 1
    assert SECRET not in whole_log()
    assert sync.redact(draft, ["iban"]) == 0


@pytest.mark.parametrize(
    ("record", "fields", "complaint"),
    [
        ((Owner, 1), ["nothing"], "testapp.Owner has no column for nothing"),
        ((Owner, 1), ["name", "nothing"], "has no column for nothing"),
        ((Restaurant, 1), ["name"], "redacted in the parent's record"),
        ((Owner, 1), [], "No fields were named"),
        ((Owner, 1), ["id"], "The primary key id cannot be redacted"),
        ((Seat, ("a", 1)), ["room"], "The primary key room cannot be redacted"),
        ((Memo, 1), ["team"], "The audience of testapp_memo is made of team_id"),
        ((Owner, "one"), ["name"], "'one' is no primary key of testapp.Owner"),
        ((Owner, None), ["name"], "None is no primary key"),
        ((Owner, (1, 2)), ["name"], "is no primary key"),
        ((Seat, "a"), ["guest"], "is no primary key"),
        ((Seat, ("a",)), ["guest"], "is no primary key"),
        ((Ticket, "7"), ["subject"], "7. is no primary key"),
        (Owner(name="a"), ["name"], "Name a record that is gone"),
    ],
)
def test_what_cannot_be_redacted_is_refused(record, fields, complaint):
    with pytest.raises(RedactionError, match=complaint):
        sync.redact(record, fields)


def test_a_model_that_is_not_registered_is_named():
    with pytest.raises(NotRegistered, match="testapp.Unseen"):
        sync.redact((Unseen, 1), ["name"])


def test_nothing_is_changed_by_what_is_refused(owner):
    before = whole_log()
    with pytest.raises(RedactionError):
        sync.redact(owner, ["name", "nothing"])
    assert whole_log() == before


def test_a_record_is_named_in_any_way_its_key_can_be_written(red):
    ticket = Ticket.objects.create(subject=SECRET)
    Seat.objects.create(room="a", number=1, guest=SECRET)
    Ticket.objects.update(subject="")
    Seat.objects.update(guest="")
    assert sync.redact((Ticket, str(ticket.pk)), ["subject"]) == 2
    assert sync.redact((Seat, ["a", 1]), ["guest"]) == 2
    assert sync.redact((Seat, '["a",1]'), ["guest"]) == 0
    assert sync.redact((Ticket, uuid.uuid4()), ["subject"]) == 0


def test_a_proxy_a_parent_and_a_foreign_key_go_by_their_table(red, register):
    place = Restaurant.objects.create(name=SECRET, stars=3)
    Restaurant.objects.update(name="", stars=0)
    assert sync.redact((QuietPlace, place.pk), ["name"]) == 2
    assert sync.redact(place, ["stars"]) == 2
    register(Memo)
    memo = Memo.objects.create(team=red, text="a")
    assert sync.redact(memo, ["team"], keep=True) == 1
    assert last().values["team_id"] is None


def test_a_user_is_redacted(register):
    register(User, exclude=["password"])
    user = User.objects.create(username="ada", email=SECRET)
    user.email = ""
    user.save()
    assert sync.redact(user, ["email"]) == 2
    assert SECRET not in whole_log()


def test_clearing_and_redacting_is_one_transaction():
    owner = Owner.objects.create(name=SECRET)
    publish()
    with transaction.atomic():
        owner.name = ""
        owner.save()
        sync.redact(owner, ["name"])
    publish()
    cleared, told = published()[-2:]
    assert cleared.transaction == told.transaction
    assert SECRET not in whole_log()


def test_a_transaction_that_rolls_back_has_redacted_nothing(owner):
    before = whole_log()
    with transaction.atomic():
        sync.redact(owner, ["name"])
        transaction.set_rollback(True)
    assert whole_log() == before


def test_a_long_history_is_read_and_written_in_batches(monkeypatch):
    monkeypatch.setattr(rewriting, "BATCH", 10)
    owner = Owner.objects.create(name=SECRET)
    for number in range(39):
        Owner.objects.update(name=f"{SECRET} {number}")
    Owner.objects.update(name="")
    publish()
    with Statements() as statements:
        assert sync.redact(owner, ["name"]) == 41
    reads = [sql for sql in statements.sql if sql.endswith(" LIMIT 10")]
    assert len(reads) == 7


def run(*arguments, **options):
    out = io.StringIO()
    call_command("sync_redact", *arguments, stdout=out, **options)
    return out.getvalue()


def test_the_command_redacts(owner):
    told = run("testapp.Owner", str(owner.pk), "name", reason="forgotten", actor="ada")
    assert told == f"testapp.Owner {owner.pk}: 5 entries rewritten\n"
    assert SECRET not in whole_log()
    assert (last().reason, last().actor, last().cause) == ("forgotten", "ada", REDACTED)


def test_the_command_only_counts_in_a_dry_run(owner):
    before = whole_log()
    told = run("testapp.Owner", str(owner.pk), "name", reason="forgotten", dry_run=True)
    assert told == f"testapp.Owner {owner.pk}: 5 entries would be rewritten\n"
    assert whole_log() == before


def test_the_command_takes_a_composite_key_and_several_fields():
    Seat.objects.create(room="a", number=1, guest=SECRET)
    told = run("testapp.Seat", '["a",1]', "guest", reason="forgotten", keep=True)
    assert told == 'testapp.Seat ["a",1]: 1 entries rewritten\n'


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("testapp.Unseen", "1", "name"), "testapp.Unseen is not registered"),
        (("testapp.Nothing", "1", "name"), "Nothing"),
        (("Owner", "1", "name"), "must be named as app.Model"),
        (("testapp.Owner", "one", "name"), "is no primary key"),
        (("testapp.Owner", "1", "nothing"), "has no column for nothing"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, complaint):
    for dry_run in (True, False):
        with pytest.raises(CommandError, match=complaint):
            run(*arguments, reason="forgotten", dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_refuses_what_the_table_holds(dry_run):
    owner = Owner.objects.create(name=SECRET)
    with pytest.raises(CommandError, match="--keep"):
        run("testapp.Owner", str(owner.pk), "name", reason="forgotten", dry_run=dry_run)


def test_the_command_needs_a_reason(owner):
    with pytest.raises(CommandError, match="--reason"):
        call_command("sync_redact", "testapp.Owner", str(owner.pk), "name")


def test_a_model_that_is_registered_otherwise_meanwhile_is_redacted_as_it_is_now(register):
    account = Account.objects.create(name=SECRET)
    Account.objects.update(name="")
    register(Account, fields=["name", "password"])
    sync.redact(account, ["name"])
    assert last().values == {"id": account.pk, "name": None, "password": ""}
    assert registry.get(Account).fields == {"id", "name", "password"}


def test_recording_goes_on_after_it(owner):
    sync.redact(owner, ["name"])
    with recorded() as entries:
        Owner.objects.update(name="new")
    publish()
    [entry] = [SyncLog.objects.get(pk=entry.pk) for entry in entries]
    assert (entry.changed_names, entry.redacted) == (["name"], None)
    assert applied({}, published()) == database_state()
