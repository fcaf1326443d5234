"""All changes of one commit carry one id, and no other change does."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from sync.models import SyncLog
from tests.support.late import LateTransaction
from tests.sync.observing import inserts_into_log, recorded
from tests.testapp.models import Article, Label, Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)


class Undo(Exception):
    """Rolls the transaction back it is raised in."""


def ids_of(entries):
    return {entry.transaction for entry in entries}


def newest_id():
    return SyncLog.objects.first().transaction


def make_owner():
    return Owner.objects.create(name="a")


def test_all_changes_of_one_commit_carry_one_id():
    with recorded() as entries, transaction.atomic():
        article = Article.objects.create(title="a")
        article.labels.add(Label.objects.create(name="b"))
        with transaction.atomic():
            Stock.objects.bulk_create([Stock(sku=sku, warehouse="n") for sku in "abc"])
        article.delete()
    assert len(entries) == 8
    assert len(ids_of(entries)) == 1


def test_each_commit_has_an_id_of_its_own():
    with recorded() as entries:
        for _ in range(3):
            with transaction.atomic():
                make_owner()
    assert len(ids_of(entries)) == 3


def test_in_autocommit_each_write_has_an_id_of_its_own():
    with recorded() as entries:
        owner = make_owner()
        owner.save()
        Owner.objects.update(name="b")
    assert len(ids_of(entries)) == 3


def test_in_autocommit_all_rows_of_one_write_share_an_id():
    with recorded() as entries:
        Owner.objects.bulk_create([Owner(name=name) for name in "abc"])
    assert (len(entries), len(ids_of(entries))) == (3, 1)


def test_a_delete_and_its_cascade_share_an_id():
    article = Article.objects.create(title="a")
    article.labels.set([Label.objects.create(name=name) for name in "ab"])
    with recorded() as entries:
        article.delete()
    assert (len(entries), len(ids_of(entries))) == (3, 1)


def test_what_follows_a_rollback_has_another_id():
    rolled_back = set()
    with pytest.raises(Undo), transaction.atomic():
        make_owner()
        rolled_back.add(newest_id())
        raise Undo
    with recorded() as entries:
        make_owner()
    assert rolled_back.isdisjoint(ids_of(entries))


def test_what_follows_a_rolled_back_savepoint_has_another_id_than_what_was_in_it():
    rolled_back = set()
    with recorded() as entries, transaction.atomic():
        with pytest.raises(Undo), transaction.atomic():
            make_owner()
            rolled_back.add(newest_id())
            raise Undo
        make_owner()
        make_owner()
    assert len(rolled_back) == 1
    assert rolled_back.isdisjoint(ids_of(entries))
    assert (len(entries), len(ids_of(entries))) == (2, 1)


def test_what_surrounds_a_rolled_back_savepoint_shares_an_id():
    with recorded() as entries, transaction.atomic():
        make_owner()
        with pytest.raises(Undo), transaction.atomic():
            make_owner()
            raise Undo
        make_owner()
    assert (len(entries), len(ids_of(entries))) == (2, 1)


def test_transactions_that_are_open_at_the_same_time_have_their_own_ids(several_writers):
    with recorded() as entries, LateTransaction(make_owner) as late:
        make_owner()
        late.commit()
    assert (len(entries), len(ids_of(entries))) == (2, 2)


def test_a_change_and_its_entry_exist_together_or_not_at_all():
    """In autocommit nothing but the hub's own transaction joins them."""
    with pytest.raises(Undo), connection.execute_wrapper(fail_at_the_log):
        make_owner()
    assert (Owner.objects.count(), SyncLog.objects.count()) == (0, 0)


def fail_at_the_log(execute, sql, params, many, context):
    if inserts_into_log(sql):
        raise Undo
    return execute(sql, params, many, context)


def test_an_entry_is_announced_inside_its_transaction():
    """What connects to the signal can still undo the change, and hears of no undone one late."""
    from django.db.models.signals import post_save

    heard = []

    def hear(instance, using, **kwargs):
        assert transaction.get_connection(using).in_atomic_block
        heard.append((instance.action, instance.pk))

    post_save.connect(hear, sender=SyncLog)
    try:
        make_owner()
    finally:
        post_save.disconnect(hear, sender=SyncLog)
    assert heard == [("insert", SyncLog.objects.get().pk)]
