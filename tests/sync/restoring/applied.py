"""Plans that are made and carried out at once, as by somebody who looked and agreed."""

from __future__ import annotations

from typing import Any

from django.db import connection

import sync
from sync.models import SyncLog
from sync.publishing import publish
from sync.restoring import Plan, apply, plan_restore, plan_undo
from tests.testapp.models import Stock

REASON = "asked for"


def changed_by_three() -> Stock:
    """Return a record that three people changed, each in a way of their own."""
    with sync.context(actor="ada"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace"):
        stock.quantity, stock.warehouse = 4, "south"
        stock.save()
    with sync.context(actor="alan"):
        stock.quantity = 5
        stock.save()
    return stock


def entries(instance: Any, **conditions: Any) -> list[SyncLog]:
    """Return the published entries of a record, in order."""
    publish()
    found = SyncLog.objects.filter(table=instance._meta.db_table, **conditions)
    if "record_id" not in conditions and instance.pk is not None:
        found = found.filter(record_id=str(instance.pk))
    return list(found.order_by("seq"))


def last_entry(model: Any, action: str, **conditions: Any) -> SyncLog:
    """Return the newest published entry of a table with an action."""
    publish()
    found = SyncLog.objects.filter(table=model._meta.db_table, action=action, **conditions)
    return found.order_by("-seq")[0]


def restore(entry: SyncLog, *args: Any, **options: Any) -> Plan:
    """Carry out what is planned for an entry."""
    plan = plan_restore(entry, *args, **options)
    assert plan.is_applicable, (plan.problems, plan.errors)
    return carry_out(lambda locks: plan_restore(entry, *args, **options, locks=locks), plan)


def undo(entry: SyncLog, **options: Any) -> Plan:
    """Undo the transaction of an entry."""
    plan = plan_undo(entry, **options)
    assert plan.is_applicable, (plan.problems, plan.errors)
    return carry_out(lambda locks: plan_undo(entry, **options, locks=locks), plan)


def carry_out(make_plan: Any, plan: Plan, **options: Any) -> Plan:
    """Apply what was seen."""
    given = {"reason": REASON, "actor": "ada", "using": connection.alias} | options
    done = apply(make_plan, plan.fingerprint, **given)
    publish()
    return done
