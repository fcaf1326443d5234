"""Undoing a whole transaction in the admin, which has to be asked for in three ways."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.urls import reverse

from hubproject.models import Project, Task
from sync.models import SyncLog
from sync.publishing import publish
from tests.support.admin import form_values
from tests.support.state import database_state
from tests.sync.observing import Statements
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)

CONFIRMED = {"reason": "a slip", "count": "2", "sure": "on"}


@pytest.fixture
def entry():
    """An entry of a transaction that changed one record and made another."""
    Stock.objects.create(sku="bolt", warehouse="n", quantity=1)
    with transaction.atomic():
        Stock.objects.update(quantity=2)
        Owner.objects.create(name="o")
    publish()
    return SyncLog.objects.get(table="testapp_owner")


def url_of(entry):
    return reverse("admin:sync_synclog_undo", args=[entry.pk])


def undo(client, entry, page=None, **given):
    page = page or client.get(url_of(entry))
    seen = form_values(page.content.decode(), "hub-undo")
    return client.post(url_of(entry), seen | given)


def is_undone():
    return (Stock.objects.get().quantity, Owner.objects.count()) == (1, 0)


def test_all_that_would_be_taken_back_is_shown(admin_client, entry):
    page = admin_client.get(url_of(entry)).content.decode()
    assert "2 records" in page
    for text in ('data-action="delete"', 'data-action="update"', "Quantity"):
        assert text in page
    assert not is_undone()


def test_a_confirmed_undo_takes_everything_back(admin_client, entry):
    response = undo(admin_client, entry, **CONFIRMED)
    assert response.status_code == 302
    assert is_undone()
    newest = SyncLog.objects.order_by("-seq").first()
    assert (newest.reason, newest.source, newest.actor) == ("a slip", "admin", "admin")
    assert DELETION in LogEntry.objects.values_list("action_flag", flat=True)


@pytest.mark.parametrize(
    "given",
    [
        CONFIRMED | {"reason": ""},
        CONFIRMED | {"count": "1"},
        CONFIRMED | {"count": ""},
        {"reason": "a slip", "count": "2"},
        CONFIRMED | {"seen": "forged"},
    ],
)
def test_each_confirmation_is_needed(admin_client, entry, given):
    before = database_state()
    assert undo(admin_client, entry, **given).status_code == 200
    assert database_state() == before


def test_what_was_changed_since_is_overwritten_only_when_told(admin_client, entry):
    Stock.objects.update(quantity=7)
    publish()
    page = admin_client.get(url_of(entry))
    assert "Changed since" in page.content.decode()
    undo(admin_client, entry, page, **CONFIRMED)
    assert Stock.objects.get().quantity == 7
    undo(admin_client, entry, page, **CONFIRMED, overwrite="on")
    assert is_undone()


def test_what_was_changed_after_the_look_is_looked_at_again(admin_client, entry):
    page = admin_client.get(url_of(entry))
    Stock.objects.update(warehouse="s")
    response = undo(admin_client, entry, page, **CONFIRMED)
    assert response.status_code == 409
    assert Stock.objects.get().quantity == 2
    assert undo(admin_client, entry, response, **CONFIRMED).status_code == 302


def test_a_transaction_that_is_too_large_is_refused_with_advice(admin_client, entry, sync_settings):
    sync_settings(HISTORY_UNDO_ROWS=1)
    page = admin_client.get(url_of(entry)).content.decode()
    assert "HISTORY_UNDO_ROWS" in page and 'id="hub-undo"' not in page


def test_who_may_not_change_all_of_it_undoes_nothing(client):
    user = User.objects.create_user("staff", is_staff=True)
    for label, name in (("sync", "view_synclog"), ("sync", "restore_synclog"),
                        ("hubproject", "change_task"), ("hubproject", "delete_task")):  # fmt: skip
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=label, codename=name)
        )
    client.force_login(user)
    with transaction.atomic():
        project = Project.objects.create(name="hidden project")
        Task.objects.create(project=project, title="t")
    publish()
    page = client.get(url_of(SyncLog.objects.get(table="tasks"))).content.decode()
    assert "may not see" in page and "hidden project" not in page
    assert 'id="hub-undo"' not in page


def test_the_page_costs_no_more_statements_for_more_records(admin_client):
    def statements(count):
        Stock.objects.bulk_create(Stock(sku=str(n), warehouse=str(count)) for n in range(count))
        publish()
        newest = SyncLog.objects.order_by("-seq").first()
        with Statements() as found:
            assert f"{count} records" in admin_client.get(url_of(newest)).content.decode()
        return len(found)

    statements(2)
    assert statements(60) <= statements(3) + 1
