"""What can be registered, what of it syncs, and what is refused before it could fail later."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import models

import sync
from sync.errors import NotRegistered, RegistrationError
from sync.models import LogHead, SyncLog
from sync.registry import registry
from tests.sync.observing import brief, insert, recorded
from tests.testapp.models import (
    Account,
    Article,
    Draft,
    Line,
    Memo,
    Owner,
    Place,
    QuietPlace,
    Restaurant,
    Seat,
    Ticket,
    Unseen,
)


def values_of(make):
    with recorded() as entries:
        make()
    return entries[-1].values


def test_the_apps_are_asked_for_their_registrations_at_start():
    assert Owner in registry
    assert Unseen not in registry
    assert {registration.table for registration in registry} >= {"testapp_owner", "tasks"}


def test_a_registration_is_found_by_table_for_a_proxy_as_well():
    assert QuietPlace in registry
    assert registry.get(QuietPlace) is registry.get(Place)
    assert registry.get(QuietPlace).model is Place


def test_a_proxy_registers_its_concrete_model(register, unregister):
    unregister(Place)
    assert register(QuietPlace).model is Place


def test_a_model_that_is_not_registered_is_named():
    with pytest.raises(NotRegistered, match=r"testapp.Unseen .*sync\.register\(\)") as caught:
        registry.get(Unseen)
    assert caught.value.name == "testapp.Unseen"


def test_a_table_can_be_registered_once():
    with pytest.raises(RegistrationError, match="testapp.Owner is registered twice"):
        sync.register(Owner)
    with pytest.raises(RegistrationError, match="registered twice"):
        sync.register(QuietPlace)


@pytest.mark.parametrize("model", [SyncLog, LogHead])
def test_the_log_cannot_record_itself(model):
    with pytest.raises(RegistrationError, match="would record itself"):
        sync.register(model)


def test_an_abstract_model_is_refused():
    class Base(models.Model):
        class Meta:
            abstract = True
            app_label = "testapp"

    with pytest.raises(RegistrationError, match="Base is abstract"):
        sync.register(Base)


@pytest.mark.django_db
def test_fields_that_look_secret_do_not_sync(register):
    assert register(Account).dropped == {"password", "api_token"}
    account = values_of(lambda: Account.objects.create(name="a", password="p", api_token="t"))
    assert account.keys() == {"id", "name"}


@pytest.mark.django_db
def test_a_secret_field_syncs_where_it_is_named(register):
    register(Account, fields=["name", "api_token"])
    account = values_of(lambda: Account.objects.create(name="a", password="p", api_token="t"))
    assert (account.keys(), account["api_token"]) == ({"id", "name", "api_token"}, "t")


def test_the_user_model_syncs_without_its_password(register):
    assert "password" not in register(User).fields


def test_what_the_host_itself_leaves_out_was_not_dropped(register):
    assert register(Account, exclude=["password"]).dropped == {"api_token"}
    assert register(Account, fields=["name"]).dropped == frozenset()
    assert register(Account, redact={"password": "hash", "api_token": "blank"}).dropped == set()


@pytest.mark.parametrize("options", [{}, {"exclude": ["session_key"]}])
def test_a_primary_key_that_looks_secret_is_refused(unregister, options):
    with pytest.raises(RegistrationError, match="primary key session_key looks secret"):
        sync.register(Session, **options)
    assert Session not in registry


def test_a_primary_key_that_looks_secret_syncs_where_it_is_named(register):
    assert register(Session, fields=["session_key"]).fields == {"session_key"}


@pytest.mark.django_db
def test_excluded_fields_do_not_sync_but_the_key_does(register):
    register(Draft, exclude=["scratch", "id"])
    assert values_of(lambda: Draft.objects.create(title="a", scratch="b")).keys() == {"id", "title"}


@pytest.mark.django_db
def test_only_the_named_fields_sync_and_the_whole_key(register):
    register(Seat, fields=["guest"])
    seat = values_of(lambda: Seat.objects.create(room="blue", number=3))
    assert seat == {"room": "blue", "number": 3, "guest": ""}


def test_excluding_wins_over_naming(register):
    assert register(Draft, fields=["title", "scratch"], exclude=["scratch"]).fields == {
        "id", "title",
    }  # fmt: skip


def test_a_foreign_key_goes_by_its_field_or_its_column(register):
    assert register(Memo, fields=["team"]).fields == {"id", "team_id"}
    assert register(Memo, fields=["team_id"]).fields == {"id", "team_id"}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (Memo, {"fields": ["nothing"]}),
        (Memo, {"exclude": ["nothing"]}),
        (Memo, {"events": {"memo.moved": ["nothing"]}}),
        (Memo, {"fields": ["team__name"]}),
        (Article, {"fields": ["labels"]}),
        (Article, {"fields": ["comments"]}),
        (Restaurant, {"fields": ["name"]}),
    ],
)
def test_a_field_that_is_no_column_of_the_table_is_refused(unregister, model, options):
    unregister(model)
    with pytest.raises(RegistrationError, match="has no column for"):
        sync.register(model, **options)
    assert model not in registry


@pytest.mark.parametrize("event", ["", "x" * 129])
def test_an_event_name_that_cannot_be_stored_is_refused(unregister, event):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="use 1 to 128 characters"):
        sync.register(Memo, events={event: sync.ANY_CHANGE})


def test_an_event_of_fields_given_as_text_is_refused(unregister):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="give a list of fields or '\\*'"):
        sync.register(Memo, events={"memo.changed": "text"})


def test_an_event_of_a_field_that_does_not_sync_is_refused(unregister):
    unregister(Memo)
    with pytest.raises(RegistrationError, match="'memo.changed': text does not sync"):
        sync.register(Memo, exclude=["text"], events={"memo.changed": ["text"]})


def test_no_event_needs_to_be_given(register):
    registration = register(Line)
    assert (registration.events, registration.audience) == ({}, sync.EVERYONE)


@pytest.mark.django_db
def test_a_model_is_recorded_from_its_registration_to_its_removal(register, unregister):
    with recorded() as entries:
        Unseen.objects.create(name="before")
        register(Unseen)
        seen = Unseen.objects.create(name="between")
        registry.remove(Unseen)
        Unseen.objects.create(name="after")
    assert brief(entries) == [insert(seen)]


@pytest.mark.django_db
def test_a_registration_made_anew_counts_for_the_next_write(register):
    register(Ticket, fields=[])
    assert values_of(lambda: Ticket.objects.create(subject="a")).keys() == {"id"}
    register(Ticket)
    assert values_of(lambda: Ticket.objects.create(subject="a")).keys() == {"id", "subject"}
