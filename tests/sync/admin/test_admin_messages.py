"""The admin's own log of a record, under every name that it has there."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from sync.admin.admin_messages import admin_messages
from sync.parts import parts
from tests.sync.observing import Statements, name_of
from tests.testapp.models import Owner, Place, QuietPlace, Restaurant, Seat, Ticket

pytestmark = pytest.mark.django_db


def say(user, instance, model=None, text="said"):
    kind = ContentType.objects.get_for_model(model or instance, for_concrete_model=False)
    return LogEntry.objects.create(
        user=user, content_type=kind, object_id=str(instance.pk), object_repr="it",
        action_flag=CHANGE, change_message=text,
    )  # fmt: skip


def messages_of(instance, limit=10, until=None):
    return admin_messages(parts(type(instance), name_of(instance), "default"), limit, until)


def test_what_was_said_of_a_record_comes_newest_first(admin_user):
    owner, other = Owner.objects.create(name="a"), Owner.objects.create(name="b")
    said = [say(admin_user, owner) for _ in range(3)]
    say(admin_user, other)
    assert messages_of(owner) == said[::-1]
    assert messages_of(owner, limit=1) == said[2:]
    assert messages_of(owner, until=said[1].action_time) == said[1::-1]


def test_another_model_with_the_same_key_is_another_record(admin_user):
    ticket = Ticket.objects.create(subject="a")
    said = say(admin_user, ticket)
    say(admin_user, ticket, Owner)
    assert messages_of(ticket) == [said]


def test_proxies_and_parents_say_it_of_the_same_record(admin_user):
    place = Restaurant.objects.create(name="a")
    said = [say(admin_user, place, model) for model in (Restaurant, Place, QuietPlace)]
    assert messages_of(place) == said[::-1]


def test_of_a_record_that_no_admin_can_show_nothing_is_said():
    assert messages_of(Seat.objects.create(room="a", number=1)) == []
    assert admin_messages({("a table without a model", "7"): None}, 10) == []


def test_many_messages_cost_as_many_statements_as_one(admin_user):
    owner = Owner.objects.create(name="a")
    for _ in range(5):
        say(admin_user, owner)
    messages_of(owner)
    with Statements() as statements:
        assert {one.user.username for one in messages_of(owner)} == {"admin"}
    assert len(statements) == 1
