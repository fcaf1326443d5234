"""`manage.py hub_explain`: a readable way of each change, a verdict, and errors that help."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from realtime.devices import create_device
from realtime.models import Client, Device
from realtime.rights_history import remember
from sync.conf import conf
from sync.locking import head
from sync.models import SyncLog
from sync.publishing import publish
from tests.support.emptying import empty_log
from tests.support.manage import manage
from tests.testapp.models import Account, Team, Unseen

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the value of a field"


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def laptop(ada):
    return Client.objects.create(client_id="laptop-7", user=ada)


@pytest.fixture
def team(laptop):
    team = Team.objects.create(name=SECRET)
    publish()
    return team


def hub_explain(*arguments):
    out = io.StringIO()
    call_command("hub_explain", *map(str, arguments), stdout=out, no_color=True)
    return out.getvalue()


def served(laptop, upto):
    """Have the client served up to a position of the log, live."""
    epoch = head(conf().DATABASE).epoch
    laptop.joined, laptop.handed = f"{epoch}-0-00000000", f"{epoch}-{upto}-00000000"
    laptop.connected_at = laptop.last_seen_at = timezone.now()
    laptop.save()


def test_the_way_of_a_change_is_told_and_ends_in_a_verdict(laptop, ada, team):
    remember(ada, ["everyone"])
    served(laptop, 1)
    told = hub_explain("laptop-7", "testapp_team", team.pk)
    lines = [line.strip() for line in told.splitlines()]
    assert lines[0] == f"testapp_team {team.pk} for laptop-7 of ada"
    assert lines[2] == "change 1: insert"
    starts = ["recorded", "published", "audience", "held", "connection", "acknowledged", "=> Sent"]
    assert [next(s for s in starts if line.startswith(s)) for line in lines[3:]] == starts
    assert "ever since; the host gives it now" in told
    assert lines[-1].endswith("It does so with the cursor of ping.")


def test_no_value_of_a_record_is_told(team):
    team.name = f"{SECRET} and more"
    team.save()
    publish()
    told = hub_explain("laptop-7", "testapp_team", team.pk)
    assert "changed       name" in told
    assert SECRET not in told + hub_explain("laptop-7", "testapp_team", team.pk, "--json")


def test_a_table_may_be_named_by_its_model(team):
    assert "testapp_team" in hub_explain("laptop-7", "testapp.Team", team.pk)


def test_each_of_several_clients_gets_a_verdict_of_its_own(laptop, ada, team):
    served(laptop, 1)
    Client.objects.create(client_id="phone", user=ada)
    told = hub_explain("ada", "testapp_team", team.pk)
    assert "laptop-7 of ada" in told
    assert "phone of ada" in told
    assert told.count("=> ") == 2
    assert "not known to have connected" in told


def test_as_json_the_facts_and_the_verdict_are_for_programs(laptop, team):
    served(laptop, 1)
    found = json.loads(hub_explain("laptop-7", "testapp_team", team.pk, "--json"))
    [change] = found["changes"]
    assert (change["seq"], change["action"], change["audience"]) == (1, "insert", "everyone")
    [verdict] = change["clients"]
    assert (verdict["client"], verdict["outcome"]) == ("laptop-7", "sent_live")
    assert verdict["verdict"].startswith("Sent live")
    assert found["clients"][0]["handed"] == 1


def test_one_change_can_be_chosen_and_those_since_a_time(team):
    later = timezone.now().isoformat()
    team.name = "red"
    team.save()
    publish()
    for options in (["--entry", "2"], ["--since", later]):
        told = hub_explain("laptop-7", "testapp_team", team.pk, *options)
        assert "change 2: update" in told
        assert "change 1" not in told


def test_what_is_not_there_is_an_error_that_says_what_is(team):
    for arguments, text in {
        ("laptap", "testapp_team", team.pk): "'laptap'. There is: laptop-7.",
        ("laptop-7", "testapp_teams", team.pk): "There is: testapp_team",
        ("laptop-7", "testapp_team", 10**6): f"There is: {team.pk}.",
        ("laptop-7", "testapp_team", team.pk, "--entry", 9): "no change 9. There is: 1.",
    }.items():
        with pytest.raises(CommandError) as error:
            hub_explain(*arguments)
        assert text in str(error.value)


def test_a_table_that_is_not_registered_says_what_to_do(team):
    with pytest.raises(CommandError, match="not registered.*sync.register"):
        hub_explain("laptop-7", Unseen._meta.db_table, 1)


def test_a_record_that_was_never_recorded_says_what_may_have_happened(team):
    empty_log()
    told = hub_explain("laptop-7", "testapp_team", team.pk)
    assert "sync_backfill" in told
    assert "=>" not in told


def test_fields_that_do_not_sync_are_named(laptop):
    account = Account.objects.create()
    publish()
    told = hub_explain("laptop-7", "testapp_account", account.pk)
    assert "fields that do not sync" in told
    assert "password" in told


def test_a_time_that_is_none_is_refused(team):
    with pytest.raises(CommandError, match="--since"):
        hub_explain("laptop-7", "testapp_team", team.pk, "--since", "yesterday")


def test_nothing_is_changed_by_asking(ada, team):
    create_device(ada, "phone")
    before = [list(model.objects.values()) for model in (Client, Device, SyncLog)]
    Team.objects.filter(pk=team.pk).update(name="waits")
    for name in ("laptop-7", "phone", "ada"):
        told = hub_explain(name, "testapp_team", team.pk)
        assert "waiting change: update" in told
    after = [list(model.objects.values()) for model in (Client, Device)]
    assert after == before[:2]
    assert SyncLog.objects.pending().count() == 1


def test_it_is_a_command_of_its_own(team):
    assert "why a client did" in manage("hub_explain", "--help").stdout
