"""Fields get back what they were, deleted records come back with what they depend on."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone

import sync
from sync import codec
from sync.differences import ABSENT
from sync.errors import RestoreError
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from sync.restoring import AFTER, BEFORE, plan_restore
from tests.sync.observing import recorded
from tests.sync.restoring.applied import REASON, changed_by_three, entries, last_entry, restore
from tests.testapp.models import (
    Account,
    Article,
    Booking,
    Branch,
    Cascaded,
    CascadedDeeper,
    Chapter,
    Club,
    Comment,
    Draft,
    Everything,
    Label,
    Line,
    Memo,
    Named,
    Node,
    Nulled,
    Owner,
    Person,
    Place,
    Profile,
    Reader,
    Reading,
    RefrigeratedTruck,
    Restaurant,
    Seat,
    Stamped,
    Stock,
    Team,
    Ticket,
    Truck,
    Unseen,
)

pytestmark = pytest.mark.django_db

separately = pytest.mark.django_db(transaction=True)
"""Each write in a transaction of its own, as in life."""


@pytest.fixture
def stock():
    return changed_by_three()


def fields_of(plan, index=0):
    return {one.name: one for one in plan.steps[index].fields}


def obstacle(plan, name):
    found = fields_of(plan)[name].obstacle
    return found and found.code


def now(instance):
    return type(instance).objects.get(pk=instance.pk)


def test_only_the_ticked_fields_get_back_what_they_were(stock):
    _, second, _ = entries(stock)
    restore(second, BEFORE, ticks=["warehouse"])
    assert (now(stock).warehouse, now(stock).quantity) == ("north", 5)


def test_a_field_gets_what_it_was_from_an_entry_on(stock):
    _, second, _ = entries(stock)
    restore(second, AFTER, ticks=["quantity"])
    assert now(stock).quantity == 4


def test_the_restore_is_a_change_with_who_and_why(stock):
    _, second, _ = entries(stock)
    with recorded() as found:
        restore(second, BEFORE, ticks=["warehouse"])
    [entry] = found
    told = entry.action, entry.actor, entry.reason, entry.changed_names
    assert told == ("update", "ada", REASON, ["warehouse"])


def test_what_was_changed_since_is_marked_with_who_did_it(stock):
    _, second, third = entries(stock)
    fields = fields_of(plan_restore(second, BEFORE))
    assert fields["quantity"].is_conflict
    assert fields["quantity"].changed_by == third
    assert not fields["warehouse"].is_conflict


def test_what_was_changed_and_changed_back_since_is_no_conflict(stock):
    _, second, _ = entries(stock)
    Stock.objects.update(quantity=4)
    publish()
    assert not fields_of(plan_restore(second, BEFORE))["quantity"].is_conflict


def test_what_was_changed_behind_the_logs_back_is_marked_though_nobody_is_known(stock):
    _, second, _ = entries(stock)
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_stock SET warehouse = 'east'")
    field = fields_of(plan_restore(second, BEFORE))["warehouse"]
    assert (field.is_conflict, field.changed_by, field.present) == (True, None, "east")


def test_what_the_entry_changed_is_suggested_but_no_conflict(stock):
    _, second, _ = entries(stock)
    [step] = plan_restore(second, BEFORE).steps
    assert [one.name for one in step.ticked] == ["warehouse"]


def test_present_and_restored_values_are_shown_as_the_log_writes_them(stock):
    _, second, _ = entries(stock)
    field = fields_of(plan_restore(second, BEFORE))["quantity"]
    assert (field.present, field.wanted) == (5, 3)


def test_nothing_is_there_to_restore_before_an_insert_and_after_a_delete(stock):
    first = entries(stock)[0]
    with pytest.raises(RestoreError, match="did not exist"):
        plan_restore(first, BEFORE)
    stock.delete()
    with pytest.raises(RestoreError, match="was gone"):
        plan_restore(last_entry(Stock, "delete"), AFTER)


def test_what_was_pruned_is_said_to_be_gone(stock):
    _, second, _ = entries(stock)
    with log_maintenance():
        SyncLog.objects.filter(pk__lt=second.pk).delete()
    with pytest.raises(RestoreError, match="not in the log any more"):
        plan_restore(second, BEFORE)


@separately
def test_an_entry_that_says_a_record_moved_away_holds_nothing(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    publish()
    with pytest.raises(RestoreError, match="forget"):
        plan_restore(SyncLog.objects.get(cause="moved"))


def test_a_table_that_is_not_recorded_any_more_is_left_alone(stock, unregister):
    entry = entries(stock)[1]
    unregister(Stock)
    with pytest.raises(RestoreError, match="not recorded any more"):
        plan_restore(entry)


def test_what_was_redacted_is_not_restorable(stock):
    Stock.objects.update(warehouse="")
    sync.redact(stock, ["warehouse"], reason="privacy")
    second = entries(stock)[1]
    plan = plan_restore(second, AFTER)
    assert obstacle(plan, "warehouse") == "redacted"
    plan = plan_restore(second, AFTER, ticks=["warehouse"])
    assert "removed from the history" in " ".join(plan.problems)


@pytest.mark.parametrize("way", ["blank", "hash"])
def test_what_is_masked_is_not_restorable_nor_shown(register, way):
    register(Stock, redact={"sku": way})
    stock = Stock.objects.create(sku="secret", warehouse="a")
    stock.sku, stock.warehouse = "other", "b"
    stock.save()
    plan = plan_restore(entries(stock)[0], AFTER)
    assert obstacle(plan, "sku") == "kept_out"
    assert not {"secret", "other"} & {str(fields_of(plan)["sku"].present)}


def test_a_digest_of_former_days_is_not_restored_as_a_value(register):
    register(Stock, redact={"sku": "hash"})
    stock = Stock.objects.create(sku="secret", warehouse="a")
    register(Stock)
    Stock.objects.update(sku="b")
    assert obstacle(plan_restore(entries(stock)[0], AFTER), "sku") == "hashed"


def test_fields_kept_out_of_the_log_are_named_and_their_values_not():
    account = Account.objects.create(name="a", password="kept-back")
    Account.objects.update(name="b")
    plan = plan_restore(entries(account)[0], AFTER)
    assert (obstacle(plan, "password"), obstacle(plan, "api_token")) == ("kept_out", "kept_out")
    assert "kept-back" not in repr(plan.steps[0].fields)
    restore(entries(account)[0], AFTER, ticks=["name"])
    assert (now(account).name, now(account).password) == ("a", "kept-back")


def test_keys_computed_columns_and_times_of_saving_stay_as_they_are():
    line = Line.objects.create(price=2)
    Line.objects.update(price=3)
    plan = plan_restore(entries(line)[0], AFTER)
    assert (obstacle(plan, "id"), obstacle(plan, "total")) == ("key", "generated")
    stamped = Stamped.objects.create(name="a")
    Stamped.objects.update(name="b")
    assert obstacle(plan_restore(entries(stamped)[0], AFTER), "touched") == "auto_now"


@pytest.mark.parametrize(("model", "name"), [(Line, "total"), (Stamped, "touched")])
def test_what_was_recorded_of_a_field_before_it_was_kept_out_is_not_shown(register, model, name):
    register(model)
    made = model.objects.create(**({"price": 2} if model is Line else {"name": "a"}))
    entry = entries(made)[0]
    assert entry.values[name] is not None
    register(model, exclude=[name])
    field = fields_of(plan_restore(entry, AFTER))[name]
    assert (field.obstacle.code, field.present, field.wanted) == ("kept_out", ABSENT, ABSENT)


def test_a_save_touches_what_every_save_touches():
    stamped = Stamped.objects.create(name="a")
    Stamped.objects.update(name="b", touched=timezone.now() - datetime.timedelta(days=1))
    before = now(stamped)
    restore(entries(stamped)[0], AFTER, ticks=["name"])
    assert (now(stamped).name, now(stamped).made) == ("a", before.made)
    assert now(stamped).touched > before.touched


def test_a_field_that_the_model_lost_is_named(stock):
    entry = entries(stock)[0]
    with log_maintenance():
        values = entry.values | {"colour": "red"}
        SyncLog.objects.filter(pk=entry.pk).update(data=codec.to_json(values))
    entry.refresh_from_db()
    assert obstacle(plan_restore(entry, AFTER), "colour") == "not_in_model"


def test_a_field_that_was_not_there_then_is_named(stock):
    entry = entries(stock)[0]
    with log_maintenance():
        values = {k: v for k, v in entry.values.items() if k != "sku"}
        SyncLog.objects.filter(pk=entry.pk).update(data=codec.to_json(values))
    entry.refresh_from_db()
    assert obstacle(plan_restore(entry, AFTER), "sku") == "not_recorded"


def test_what_another_encoding_holds_or_the_field_cannot_is_not_restorable(stock):
    entry = entries(stock)[0]
    entry.codec = codec.VERSION + 1
    assert obstacle(plan_restore(entry, AFTER), "quantity") == "other_codec"
    entry.codec, entry.data = codec.VERSION, codec.to_json(entry.values | {"quantity": "many"})
    assert obstacle(plan_restore(entry, AFTER), "quantity") == "not_decodable"


def test_a_file_is_restored_only_while_it_is_there():
    name = default_storage.save("attachments/kept.txt", ContentFile(b"text"))
    row = Everything.objects.create(attachment=name, char="a")
    Everything.objects.update(attachment="")
    first = entries(row)[0]
    restore(first, AFTER, ticks=["attachment"])
    assert now(row).attachment.name == name
    Everything.objects.update(attachment="")
    default_storage.delete(name)
    assert obstacle(plan_restore(first, AFTER), "attachment") == "file_gone"


def test_long_numbers_in_documents_are_said_to_come_back_as_text():
    row = Everything.objects.create(options={"a": 2**60})
    Everything.objects.update(options={})
    assert "as text" in str(fields_of(plan_restore(entries(row)[0], AFTER))["options"].note)


def test_validation_is_shown_by_field_and_keeps_it_from_being_done():
    booking = Booking.objects.create(code="a", room="1")
    booking.code = "b"
    booking.save()
    Booking.objects.create(code="a", room="2")
    plan = plan_restore(entries(booking)[1], BEFORE, ticks=["code"])
    assert not plan.is_applicable
    assert [(name, "already exists" in text) for _, name, text in plan.errors] == [("code", True)]


def test_constraints_are_validated_over_fields_that_are_not_ticked():
    stock = Stock.objects.create(sku="bolt", warehouse="north")
    stock.warehouse = "south"
    stock.save()
    Stock.objects.create(sku="bolt", warehouse="north")
    assert plan_restore(entries(stock)[1], BEFORE, ticks=["warehouse"]).errors


def test_a_value_that_only_a_form_would_ask_for_may_be_missing_as_it_was():
    profile = Profile.objects.create()
    profile.person = Person.objects.create(nick="ada")
    profile.save()
    restore(entries(profile)[0], AFTER, ticks=["person_id"])
    assert now(profile).person is None


def test_the_models_own_check_is_asked(stock, monkeypatch):
    def clean(self):
        raise ValidationError({"sku": "Never."})

    monkeypatch.setattr(Stock, "clean", clean)
    plan = plan_restore(entries(stock)[1], BEFORE)
    assert [(name, text) for _, name, text in plan.errors] == [("sku", "Never.")]


def test_what_the_models_own_code_would_make_otherwise_is_not_saved(stock, monkeypatch):
    def save(self, *args, **kwargs):
        self.warehouse = self.warehouse.upper()
        models.Model.save(self, *args, **kwargs)

    monkeypatch.setattr(Stock, "save", save)
    with pytest.raises(RestoreError):
        restore(entries(stock)[1], BEFORE, ticks=["warehouse"])
    assert now(stock).warehouse == "south"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stock.objects.create(sku="bolt", warehouse="n", quantity=7),
        lambda: Ticket.objects.create(subject="a"),
        lambda: Seat.objects.create(room="a", number=3, guest="Ada"),
        lambda: Named.objects.create(code="n", name="Name"),
        lambda: Line.objects.create(price=3, quantity=2),
        lambda: Draft.objects.create(title="a"),
        lambda: Node.objects.create(name="root"),
    ],
)
def test_a_deleted_record_comes_back_under_its_key(make):
    made = make()
    model, key = type(made), made.pk
    made = model.objects.get(pk=key)
    before = {f.attname: getattr(made, f.attname) for f in model._meta.concrete_fields}
    made.delete()
    with recorded() as found:
        restore(last_entry(model, "delete"))
    back = model.objects.get(pk=key)
    assert {f.attname: getattr(back, f.attname) for f in model._meta.concrete_fields} == before
    assert [entry.action for entry in found] == ["insert"]


def test_the_time_of_making_comes_back_and_that_of_saving_is_now():
    stamped = Stamped.objects.create(name="a")
    long_ago = timezone.now() - datetime.timedelta(days=365)
    Stamped.objects.update(made=long_ago, touched=long_ago)
    key = stamped.pk
    Stamped.objects.all().delete()
    restore(last_entry(Stamped, "delete"))
    back = Stamped.objects.get(pk=key)
    assert back.made == long_ago
    assert back.touched > long_ago


def test_fields_kept_out_have_their_default_when_a_record_comes_back():
    Account.objects.create(name="a", password="kept-back").delete()
    plan = restore(last_entry(Account, "delete"))
    assert [one.name for one in plan.steps[0].left_out] == ["password", "api_token"]
    assert Account.objects.get().password == ""


def test_a_field_that_is_not_wanted_gets_its_default():
    Stock.objects.create(sku="bolt", warehouse="n", quantity=7).delete()
    restore(last_entry(Stock, "delete"), ticks=["sku", "warehouse"])
    assert Stock.objects.get().quantity == 0


def test_a_record_that_is_there_again_is_updated():
    stock = Stock.objects.create(pk=5, sku="bolt", warehouse="n", quantity=7)
    stock.delete()
    Stock.objects.create(pk=5, sku="bolt", warehouse="n", quantity=1)
    entry = last_entry(Stock, "delete")
    [step] = plan_restore(entry).steps
    assert (step.action, [one.name for one in step.ticked]) == ("update", [])
    assert fields_of(plan_restore(entry))["quantity"].is_conflict
    restore(entry, ticks=["quantity"])
    assert Stock.objects.get().quantity == 7


def test_what_a_record_depends_on_comes_back_before_it():
    owner = Owner.objects.create(name="o")
    child = Cascaded.objects.create(owner=owner, name="c")
    deeper = CascadedDeeper.objects.create(parent=child)
    keys = owner.pk, child.pk, deeper.pk
    owner.delete()
    plan = restore(last_entry(CascadedDeeper, "delete"))
    assert [step.model for step in plan.steps] == [Owner, Cascaded, CascadedDeeper]
    assert (Owner.objects.get().pk, Cascaded.objects.get().pk) == keys[:2]
    assert CascadedDeeper.objects.get().parent.owner.name == "o"


def test_a_foreign_key_to_what_is_gone_brings_that_back():
    owner = Owner.objects.create(name="o")
    nulled = Nulled.objects.create(owner=owner)
    owner.delete()
    entry = entries(nulled)[0]
    plan = restore(entry, AFTER, ticks=["owner_id"])
    assert [(step.model, step.action) for step in plan.steps] == [
        (Owner, "insert"),
        (Nulled, "update"),
    ]
    assert now(nulled).owner.name == "o"


def test_what_the_log_never_knew_cannot_be_brought_back(unregister):
    unregister(Owner)
    owner = Owner.objects.create(name="o")
    Cascaded.objects.create(owner=owner)
    owner.delete()
    plan = plan_restore(last_entry(Cascaded, "delete"))
    assert not plan.is_applicable
    assert "the history does not hold it" in " ".join(plan.problems)


def test_what_depends_on_too_much_is_refused(sync_settings):
    sync_settings(HISTORY_RESTORE_DEPTH=3)
    node = None
    for name in "abcdef":
        node = Node.objects.create(name=name, parent=node)
    Node.objects.all().delete()
    publish()
    entry = SyncLog.objects.get(table="testapp_node", action="delete", record_id=str(node.pk))
    assert "goes deeper than 3 steps" in " ".join(plan_restore(entry).problems)
    sync_settings(HISTORY_RESTORE_DEPTH=5)
    restore(entry)
    assert Node.objects.count() == 6


def test_a_record_that_points_at_itself_comes_back():
    node = Node.objects.create(name="a")
    node.parent = node
    node.save()
    node.delete()
    restore(last_entry(Node, "delete"))
    assert Node.objects.get().parent_id == Node.objects.get().pk


def test_records_that_point_at_each_other_come_back():
    one = Node.objects.create(name="a")
    other = Node.objects.create(name="b", parent=one)
    one.parent = other
    one.save()
    keys = one.pk, other.pk
    Node.objects.filter(pk__in=keys).delete()
    restore(last_entry(Node, "delete", record_id=str(keys[0])))
    assert set(Node.objects.values_list("pk", "parent")) == {keys, keys[::-1]}


def test_the_rows_of_multi_table_parents_come_back():
    truck = RefrigeratedTruck.objects.create(plate="p", weight=3, wheels=6, degrees=-20)
    key = truck.pk
    truck.delete()
    restore(last_entry(RefrigeratedTruck, "delete"))
    back = RefrigeratedTruck.objects.get(pk=key)
    assert (back.plate, back.weight, back.wheels, back.degrees) == ("p", 3, 6, -20)
    assert Truck.objects.count() == 1


def test_a_parents_row_can_come_back_alone():
    Restaurant.objects.create(name="r", stars=2).delete()
    restore(last_entry(Place, "delete"))
    assert (Place.objects.get().name, Restaurant.objects.count()) == ("r", 0)


def groups_of(plan):
    return {group.name: (group.action, group.count) for group in plan.groups}


@separately
def test_what_went_with_a_record_is_offered_and_not_restored_unasked():
    owner = Owner.objects.create(name="o")
    child = Cascaded.objects.create(owner=owner)
    CascadedDeeper.objects.create(parent=child)
    nulled = Nulled.objects.create(owner=owner)
    owner.delete()
    entry = last_entry(Owner, "delete")
    plan = plan_restore(entry)
    assert groups_of(plan) == {
        "testapp_cascaded.owner_id.went": ("insert", 1),
        "testapp_cascadeddeeper.parent_id.went": ("insert", 1),
        "testapp_nulled.owner_id.lost": ("update", 1),
    }
    assert [step.model for step in plan.steps] == [Owner]
    restore(entry, groups=["testapp_nulled.owner_id.lost", "testapp_cascaded.owner_id.went"])
    assert now(nulled).owner == Owner.objects.get() == Cascaded.objects.get().owner
    assert not CascadedDeeper.objects.exists()


@separately
def test_many_to_many_rows_and_generic_ones_come_back_when_asked():
    article = Article.objects.create(title="a")
    label = Label.objects.create(name="l")
    article.labels.add(label)
    Reading.objects.create(article=article, reader=Reader.objects.create(name="r"), note="n")
    article.comments.create(text="c")
    article.delete()
    entry = last_entry(Article, "delete")
    groups = groups_of(plan_restore(entry))
    assert groups == {
        "testapp_article_labels.article_id.went": ("insert", 1),
        "testapp_comment.object_id.went": ("insert", 1),
        "testapp_reading.article_id.went": ("insert", 1),
    }
    restore(entry, groups=list(groups))
    back = Article.objects.get()
    assert (back.labels.get(), back.readers.get().name) == (label, "r")
    assert (Reading.objects.get().note, back.comments.get().text) == ("n", "c")
    assert Comment.objects.get().content_type == ContentType.objects.get_for_model(Article)


@separately
def test_the_child_of_a_parents_row_is_offered():
    Restaurant.objects.create(name="r", stars=2).delete()
    entry = last_entry(Place, "delete")
    [name] = groups_of(plan_restore(entry))
    restore(entry, groups=[name])
    assert (Restaurant.objects.get().name, Restaurant.objects.get().stars) == ("r", 2)


@separately
def test_what_was_handed_to_another_is_offered_too():
    one = Branch.objects.create(name="a")
    Branch.objects.create(name="b", parent=one)
    one.delete()
    entry = last_entry(Branch, "delete")
    restore(entry, groups=["testapp_branch.parent_id.lost"])
    assert Branch.objects.get(name="b").parent.name == "a"


@separately
def test_what_is_there_again_is_not_offered():
    owner = Owner.objects.create(name="o")
    child = Cascaded.objects.create(owner=owner, name="old")
    owner.delete()
    other = Owner.objects.create(name="other")
    Cascaded.objects.create(pk=child.pk, owner=other, name="new")
    assert groups_of(plan_restore(last_entry(Owner, "delete"))) == {}


@separately
def test_after_a_deletion_that_is_too_large_the_record_alone_can_come_back(sync_settings):
    sync_settings(HISTORY_UNDO_ROWS=3)
    owner = Owner.objects.create(name="o")
    Cascaded.objects.bulk_create(Cascaded(owner=owner) for _ in range(5))
    owner.delete()
    plan = plan_restore(last_entry(Owner, "delete"))
    assert (plan.groups, "more than 3" in plan.groups_note) == ((), True)
    restore(last_entry(Owner, "delete"))
    assert (Owner.objects.count(), Cascaded.objects.count()) == (1, 0)


def test_a_place_in_an_order_comes_back():
    club = Club.objects.create(name="c")
    first, _second = (Chapter.objects.create(club=club, title=title) for title in "ab")
    first.delete()
    restore(last_entry(Chapter, "delete"))
    assert [one.title for one in club.chapter_set.all()] == ["a", "b"]


@separately
def test_what_is_kept_from_the_log_but_points_at_a_record_is_not_asked_for():
    owner = Owner.objects.create(name="o")
    Unseen.objects.create(name="u", owner=owner)
    owner.delete()
    assert groups_of(plan_restore(last_entry(Owner, "delete"))) == {}


@separately
def test_teams_and_records_of_another_transaction_are_not_offered(red):
    with transaction.atomic():
        Memo.objects.create(team=red, text="a")
    Memo.objects.all().delete()
    red.delete()
    assert groups_of(plan_restore(last_entry(Team, "delete"))) == {}
