"""What the ORM tells the triggers of a transaction is true for every entry."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models.signals import post_save

import sync
from sync import captors
from sync.models import SyncLog
from sync.registry import registry
from sync.signals import recorded as recorded_signal
from sync.triggers import install
from tests.support.another_program import another_program
from tests.support.late import LateTransaction
from tests.sync.observing import Statements, brief, recorded
from tests.sync.test_transactions import Undo, ids_of, make_owner
from tests.sync.writes import FIXTURE
from tests.testapp.models import Node, Owner

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers"),
]


def insert_by_raw_sql(name: str = "raw") -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO testapp_owner (name) VALUES (%s)", [name])


def reasons(entries) -> list[str]:
    return [entry.reason for entry in entries]


def test_the_context_is_on_every_entry(admin_user):
    said = {"client_id": "laptop", "request_id": "r1", "reason": 'spring "cleaning" \\ é'}
    with recorded() as entries, sync.context(actor=admin_user, source="websocket", **said):
        Owner.objects.bulk_create(Owner(name=name) for name in "ab")
        Owner.objects.update(name="c")
        Owner.objects.all().delete()
    assert len(entries) == 6
    for entry in entries:
        assert (entry.actor_id, entry.actor) == (str(admin_user.pk), admin_user.get_username())
        assert {name: getattr(entry, name) for name in said} == said
        assert entry.source == "websocket"


def test_without_a_context_the_source_is_the_process():
    with recorded() as entries:
        make_owner()
    assert (entries[0].source, entries[0].actor) == ("task", "")


def test_a_context_that_changes_within_a_transaction_is_told_again():
    with recorded() as entries, transaction.atomic():
        for reason in ("a", "b", "b", ""):
            with sync.context(reason=reason):
                make_owner()
    assert reasons(entries) == ["a", "b", "b", ""]
    assert len(ids_of(entries)) == 1


def test_what_stays_the_same_is_told_once_a_transaction():
    with transaction.atomic():
        make_owner()
        with Statements() as statements:
            make_owner()
            Owner.objects.update(name="b")
    assert not [sql for sql in statements.sql if "set_config" in sql]


def test_nothing_that_was_told_outlives_its_transaction():
    with sync.context(reason="a"):
        make_owner()
    with recorded() as entries:
        insert_by_raw_sql()
        make_owner()
    assert reasons(entries) == ["", ""]
    assert [entry.source for entry in entries] == ["database", "task"]


def test_what_was_told_in_a_savepoint_that_is_rolled_back_is_told_again():
    with recorded() as entries, transaction.atomic():
        with pytest.raises(Undo), transaction.atomic(), sync.context(reason="a"):
            make_owner()
            raise Undo
        with sync.context(reason="a"):
            make_owner()
        make_owner()
    assert reasons(entries) == ["a", ""]
    assert len(ids_of(entries)) == 1


def test_a_savepoint_that_is_rolled_back_leaves_what_was_told_before_it():
    with recorded() as entries, transaction.atomic(), sync.context(reason="outer"):
        make_owner()
        with pytest.raises(Undo), transaction.atomic(), sync.context(reason="inner"):
            make_owner()
            raise Undo
        make_owner()
        with transaction.atomic(), sync.context(reason="inner"):
            make_owner()
        make_owner()
    assert reasons(entries) == ["outer", "outer", "inner", "outer"]
    assert len(ids_of(entries)) == 1


def test_a_savepoint_within_a_released_one_is_rolled_back_with_callbacks_between():
    with recorded() as entries, transaction.atomic():
        with transaction.atomic():
            transaction.on_commit(lambda: None)
            with sync.context(reason="a"):
                make_owner()
            with pytest.raises(Undo), transaction.atomic():
                transaction.on_commit(lambda: None)
                with sync.context(reason="b"):
                    make_owner()
                raise Undo
        transaction.on_commit(lambda: None)
        with sync.context(reason="b"):
            make_owner()
        with sync.context(reason="a"):
            make_owner()
    assert reasons(entries) == ["a", "b", "a"]
    assert len(ids_of(entries)) == 1


def test_what_follows_a_rollback_has_another_id():
    lost = set()
    with pytest.raises(Undo), transaction.atomic():
        make_owner()
        lost.add(SyncLog.objects.first().transaction)
        raise Undo
    with recorded() as entries:
        make_owner()
    assert lost.isdisjoint(ids_of(entries))


def test_what_follows_a_rolled_back_savepoint_has_another_id_than_what_was_in_it():
    lost = set()
    with recorded() as entries, transaction.atomic():
        with pytest.raises(Undo), transaction.atomic():
            make_owner()
            lost.add(SyncLog.objects.first().transaction)
            raise Undo
        make_owner()
        insert_by_raw_sql()
    assert lost.isdisjoint(ids_of(entries))
    assert (len(entries), len(ids_of(entries))) == (2, 1)


@pytest.mark.parametrize("raw_first", [True, False])
def test_raw_sql_and_the_orm_share_the_id_of_their_commit(raw_first):
    first, second = (
        (insert_by_raw_sql, make_owner) if raw_first else (make_owner, insert_by_raw_sql)
    )
    with recorded() as entries, transaction.atomic():
        first()
        second()
    assert (len(entries), len(ids_of(entries))) == (2, 1)


@pytest.mark.parametrize("raw_first", [True, False])
def test_a_table_that_the_orm_records_shares_the_id_too(raw_first, register):
    register(Node, audience=lambda node: "x")
    install(connection, [registry.get(Node)])
    with recorded() as entries, transaction.atomic():
        if raw_first:
            insert_by_raw_sql()
        Node.objects.create(name="a")
        insert_by_raw_sql()
        make_owner()
        sync.record(Node, Node.objects.values_list("pk", flat=True))
    assert len(entries) == 4 + raw_first
    assert len(ids_of(entries)) == 1


def test_transactions_that_are_open_at_the_same_time_have_their_own_ids():
    with recorded() as entries, LateTransaction(make_owner) as late:
        make_owner()
        late.commit()
    assert (len(entries), len(ids_of(entries))) == (2, 2)


def test_autocommit_gives_each_write_an_id_of_its_own():
    with recorded() as entries:
        make_owner().save()
        Owner.objects.update(name="b")
    assert (len(entries), len(ids_of(entries))) == (3, 3)


def test_a_write_that_triggers_record_is_announced_once_with_its_transaction():
    heard = []

    def hear(using, transaction, **kwargs):
        assert captors.transaction.get_connection(using).in_atomic_block
        heard.append((using, transaction))

    recorded_signal.connect(hear)
    try:
        with recorded() as entries:
            Owner.objects.bulk_create(Owner(name=name) for name in "abc")
    finally:
        recorded_signal.disconnect(hear)
    assert heard == [("default", entries[0].transaction)]


def test_post_save_is_not_sent_for_what_only_the_database_knows():
    heard = []
    post_save.connect(heard.append, sender=SyncLog)
    try:
        make_owner()
    finally:
        post_save.disconnect(heard.append, sender=SyncLog)
    assert heard == []


def test_a_fixture_is_named_as_the_source():
    with recorded() as entries:
        call_command("loaddata", FIXTURE, verbosity=0)
    assert {entry.source for entry in entries} == {"fixture"}


def test_a_table_without_triggers_is_recorded_by_the_orm():
    with connection.cursor() as cursor, recorded() as entries:
        cursor.execute("ALTER TABLE testapp_owner DISABLE TRIGGER USER")
        captors.forget()
        owner = make_owner()
        cursor.execute("ALTER TABLE testapp_owner ENABLE TRIGGER USER")
    assert brief(entries) == [("testapp_owner", str(owner.pk), "insert")]


def test_where_the_orm_is_to_record_nobody_asks_for_triggers(sync_settings):
    sync_settings(CAPTURE="orm")
    with Statements() as statements:
        make_owner()
    assert not [sql for sql in statements.sql if "pg_trigger" in sql or "set_config" in sql]


def test_a_malformed_context_of_another_program_is_an_error_that_shows_it():
    with another_program() as program:
        program.execute("SET sync_hub.context = 'nightly'")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="nightly"):
            program.execute("INSERT INTO testapp_owner (name) VALUES ('a')")
    assert Owner.objects.count() == 0


def test_what_is_told_is_json_whatever_the_context_holds():
    with transaction.atomic(), sync.context(reason="'; DROP TABLE testapp_owner; --", actor="%s"):
        make_owner()
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('sync_hub.context')")
            said = json.loads(cursor.fetchone()[0])
    assert (said["reason"], said["actor"]) == ("'; DROP TABLE testapp_owner; --", "%s")


@pytest.mark.skipif(
    not hasattr(models, "DB_CASCADE"), reason="Django before 6.1 has no actions of the database"
)
def test_what_the_database_deletes_for_an_unregistered_parent_is_explained():
    from tests.testapp.spreading import Bottle, Cellar

    cellar = Cellar.objects.create()
    Bottle.objects.create(cellar=cellar)
    with recorded() as entries, sync.context(actor="ada", reason="flood"):
        cellar.delete()
    assert [(entry.table, entry.action) for entry in entries] == [(Bottle._meta.db_table, "delete")]
    assert [(entry.actor, entry.reason) for entry in entries] == [("ada", "flood")]
