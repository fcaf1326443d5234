"""The stock History button leads to the history in the log, or to Django's page as before."""

from __future__ import annotations

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import ModelAdmin as Original
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from sync import history_button
from sync.publishing import publish
from tests.sync.admin.sites import FORBIDDEN, HIDDEN
from tests.sync.observing import name_of
from tests.testapp.models import (
    Label,
    Memo,
    Owner,
    Place,
    QuietPlace,
    Restaurant,
    Stock,
    Ticket,
    Unseen,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.sync.admin.sites")]

OURS, DJANGOS = "admin/sync/record.html", "admin/object_history.html"


def button(instance, site="other", pk=None):
    """Return where the History button of a record leads."""
    meta = instance._meta
    name = f"{site}:{meta.app_label}_{meta.model_name}_history"
    return reverse(name, args=[quote(str(instance.pk if pk is None else pk))])


def templates_of(response):
    assert response.status_code == 200
    return [template.name for template in response.templates]


def is_ours(response):
    names = templates_of(response)
    assert (OURS in names) != (DJANGOS in names)
    return OURS in names


@pytest.fixture
def staff(client):
    """Log in as somebody who may do nothing yet; returns what permits things."""
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)

    def permit(*codenames):
        user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))

    return permit


def test_it_leads_to_the_history_in_the_log_on_any_site(admin_client):
    owner = Owner.objects.create(name="Ada")
    page = admin_client.get(button(owner))
    assert is_ours(page)
    assert page.context["subject"].record_id == str(owner.pk)
    assert "Change history: Ada" in page.content.decode()


def test_it_publishes_before_it_shows(admin_client):
    owner = Owner.objects.create(name="Ada")
    page = admin_client.get(button(owner))
    assert [row.entry.action for row in page.context["rows"]] == ["insert"]


def test_keys_of_every_kind_are_found(admin_client):
    for instance in (Ticket.objects.create(subject="a"), Restaurant.objects.create(name="b")):
        page = admin_client.get(button(instance))
        assert is_ours(page)
        assert page.context["subject"].record_id == name_of(instance)
        assert page.context["rows"]


def test_a_proxy_shows_the_history_of_its_table_under_its_own_name(admin_client):
    place = QuietPlace.objects.create(name="a")
    page = admin_client.get(button(place))
    assert is_ours(page)
    assert page.context["subject"].table == Place._meta.db_table
    assert page.context["opts"] is QuietPlace._meta
    assert [row.entry.action for row in page.context["rows"]] == ["insert"]


def test_a_multi_table_child_shows_its_parents_entries_too(admin_client):
    place = Restaurant.objects.create(name="a", stars=1)
    Restaurant.objects.update(name="b")
    publish()
    rows = admin_client.get(button(place)).context["rows"]
    assert {(row.entry.table, row.entry.action) for row in rows} == {
        ("testapp_place", "update"), ("testapp_place", "insert"), ("testapp_restaurant", "insert"),
    }  # fmt: skip
    assert all(row.is_own for row in rows)


def test_what_is_not_registered_keeps_djangos_page(admin_client):
    assert not is_ours(admin_client.get(button(Unseen.objects.create(name="a"))))


def test_a_site_that_does_not_show_the_log_keeps_djangos_page(admin_client):
    assert not is_ours(admin_client.get(button(Owner.objects.create(name="a"), "silent")))


def test_who_may_not_see_the_log_keeps_djangos_page(client, staff):
    owner = Owner.objects.create(name="a")
    staff("view_owner")
    assert not is_ours(client.get(button(owner)))
    staff("view_synclog")
    assert is_ours(client.get(button(owner)))


def test_who_may_not_see_the_model_is_refused_as_by_django(client, staff):
    staff("view_synclog")
    assert client.get(button(Owner.objects.create(name="a"))).status_code == 403


def test_a_proxy_alone_does_not_open_the_history_of_its_table(client, staff):
    place = QuietPlace.objects.create(name="a")
    staff("view_synclog", "view_quietplace")
    assert not is_ours(client.get(button(place)))


def test_a_record_that_its_admin_forbids_is_refused(admin_client):
    assert admin_client.get(button(Owner.objects.create(name=FORBIDDEN))).status_code == 403


def test_a_record_that_its_admin_hides_is_not_there(admin_client):
    hidden = admin_client.get(button(Owner.objects.create(name=HIDDEN)))
    assert (hidden.status_code, hidden.url) == (302, "/other/")


def test_a_hosts_own_view_keeps_winning(admin_client):
    page = admin_client.get(button(Stock.objects.create(sku="a", warehouse="n")))
    assert page.content == b"the host's own page"


def test_a_hosts_own_template_keeps_winning(admin_client):
    page = admin_client.get(button(Label.objects.create(name="a")))
    assert page.content.strip() == b"The host's own template, 0 messages"


def test_a_template_for_the_model_keeps_winning(admin_client, settings, tmp_path):
    folder = tmp_path / "admin/testapp/owner"
    folder.mkdir(parents=True)
    (folder / "object_history.html").write_text("for owners alone")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    page = admin_client.get(button(Owner.objects.create(name="a")))
    assert page.content == b"for owners alone"


def test_what_a_host_adds_to_the_page_is_added(admin_client, red):
    page = admin_client.get(button(Memo.objects.create(team=red, text="a")))
    assert is_ours(page)
    assert "Greetings" in page.content.decode()


def test_the_button_of_a_record_that_is_gone_leads_to_its_history(admin_client):
    owner = Owner.objects.create(name="Ada")
    there = button(owner)
    owner.delete()
    page = admin_client.get(there, follow=True)
    [(address, status)] = page.redirect_chain
    assert (status, address) == (302, page.context["record_url"])
    assert is_ours(page)
    assert [row.entry.action for row in page.context["rows"]] == ["delete", "insert"]
    assert page.context["object"] is None


@pytest.mark.parametrize("key", ["4711", "no number", "1" * 200])
def test_a_record_that_never_was_does_not_exist(admin_client, key):
    gone = admin_client.get(button(Owner(), pk=key), follow=True)
    assert gone.redirect_chain == [("/other/", 302)]
    assert "doesn’t exist" in gone.content.decode()


def test_installing_it_again_changes_nothing():
    before = ModelAdmin.history_view
    history_button.install()
    assert ModelAdmin.history_view is before is Original.history_view


def test_without_the_admin_nothing_is_wrapped(monkeypatch):
    original = ModelAdmin.history_view._sync_original
    monkeypatch.setattr(ModelAdmin, "history_view", original)
    monkeypatch.setattr(history_button.apps, "is_installed", lambda name: False)
    history_button.install()
    assert ModelAdmin.history_view is original
