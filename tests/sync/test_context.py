"""Every entry says who made the change, from where and why."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

import sync
from sync.context import SOURCES, Context, _process_source, current, entered
from tests.sync.observing import recorded
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def entry_of(change):
    with recorded() as entries:
        change()
    [entry] = entries
    return entry


def make_owner():
    Owner.objects.create(name="a")


def test_a_change_outside_of_everything_has_no_actor(ada):
    entry = entry_of(make_owner)
    assert (entry.actor_id, entry.actor) == ("", "")
    assert (entry.client_id, entry.request_id, entry.reason) == ("", "", "")
    assert entry.source == "task"


def test_a_context_explains_the_changes_made_inside_it(ada):
    with sync.context(
        actor=ada, source="websocket", client_id="c-1", request_id="r-1", reason="asked to"
    ):
        entry = entry_of(make_owner)
    assert (entry.actor_id, entry.actor, entry.source) == (str(ada.pk), "ada", "websocket")
    assert (entry.client_id, entry.request_id, entry.reason) == ("c-1", "r-1", "asked to")
    assert entry_of(make_owner).actor == ""


def test_every_entry_of_a_bulk_write_is_explained(ada):
    with sync.context(actor=ada, reason="stocktaking"), recorded() as entries:
        Stock.objects.bulk_create([Stock(sku=sku, warehouse="n") for sku in "abc"])
    assert [(entry.actor, entry.reason) for entry in entries] == [("ada", "stocktaking")] * 3


def test_a_nested_context_inherits_what_it_does_not_say(ada):
    with sync.context(actor=ada, source="task", reason="outer"):
        with sync.context(reason="inner", client_id="c-1"):
            inner = entry_of(make_owner)
        outer = entry_of(make_owner)
    assert (inner.actor, inner.source, inner.reason, inner.client_id) == (
        "ada", "task", "inner", "c-1",
    )  # fmt: skip
    assert (outer.actor, outer.source, outer.reason, outer.client_id) == (
        "ada", "task", "outer", "",
    )  # fmt: skip


def test_a_context_ends_with_an_error(ada):
    with pytest.raises(ZeroDivisionError), sync.context(actor=ada):
        raise ZeroDivisionError
    assert entry_of(make_owner).actor == ""


def test_a_context_is_not_seen_by_another_thread(ada):
    seen = []
    with sync.context(actor=ada):
        thread = threading.Thread(target=lambda: seen.append(current().actor))
        thread.start()
        thread.join()
    assert seen == [None]


@pytest.mark.parametrize("actor", ["nightly import", "x" * 300])
def test_an_actor_can_be_a_label(actor):
    with sync.context(actor=actor):
        entry = entry_of(make_owner)
    assert (entry.actor_id, entry.actor) == ("", actor[:255])


def test_what_is_too_long_is_cut_and_does_not_fail_the_save():
    with sync.context(client_id="c" * 300, request_id="r" * 300, reason="x" * 300):
        entry = entry_of(make_owner)
    assert (entry.client_id, entry.request_id, entry.reason) == ("c" * 64, "r" * 64, "x" * 255)


@pytest.mark.parametrize(
    "nobody", [AnonymousUser(), User(username="unsaved"), SimpleNamespace(name="no user at all")]
)
def test_an_actor_without_a_key_is_nobody(nobody):
    with sync.context(actor=nobody):
        entry = entry_of(make_owner)
    assert (entry.actor_id, entry.actor) == ("", "")


def test_finding_the_user_may_write_and_asks_for_no_user_again(ada):
    """As a backend does that keeps when a user was last seen."""
    asked = []

    def find():
        asked.append(None)
        Stock.objects.filter(sku="nowhere").update(quantity=1)
        Owner.objects.create(name="seen")
        return ada

    request = HttpRequest()
    request.user = SimpleLazyObject(find)
    with recorded() as entries, entered(Context(request=request)):
        Owner.objects.create(name="a")
    assert len(asked) == 1
    assert {entry.values["name"]: entry.actor_id for entry in entries} == {
        "seen": "",
        "a": str(ada.pk),
    }


def test_an_unknown_source_is_refused():
    with (
        pytest.raises(ValueError, match="'cron' is not one of: request, admin"),
        sync.context(source="cron"),
    ):
        pass


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_can_be_stored(source):
    with sync.context(source=source):
        assert entry_of(make_owner).source == source


def test_an_interactive_interpreter_is_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", [""])
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert _process_source.__wrapped__() == "shell"


def test_nul_which_postgresql_refuses_is_left_out_of_an_explanation():
    with sync.context(actor="a\x00da", reason="\x00why"):
        assert current().who() == ("", "ada")
        assert current().reason == "why"
