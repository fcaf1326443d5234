"""docs/integration.md, "Raw SQL": what it tells hosts to do is recorded as it was written."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.db import connection, models

from sync import detector, signals
from tests.support.documented import block
from tests.sync.observing import recorded


class Order(models.Model):
    """The model of the page, beside a table that the tests make."""

    number = models.CharField(max_length=20)
    status = models.CharField(max_length=10)

    class Meta:
        app_label = "orders"
        managed = False
        db_table = "orders_order"

    def __str__(self):
        return self.number


@pytest.fixture(autouse=True)
def orders(transactional_db, register, monkeypatch):
    """The host's app, with orders A1 to A3 and B1."""
    app, module = ModuleType("orders"), ModuleType("orders.models")
    module.Order = Order
    monkeypatch.setitem(sys.modules, "orders", app)
    monkeypatch.setitem(sys.modules, "orders.models", module)
    with connection.schema_editor() as editor:
        editor.create_model(Order)
    register(Order)
    status = {"A1": "new", "A2": "void", "A3": "new", "B1": "void"}
    Order.objects.bulk_create(Order(number=n, status=s) for n, s in status.items())
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Order)


def run(containing, call="", scope=None):
    """Run a sample of the page below its imports; returns the orders and what was recorded."""
    imports = block("integration.md", "Raw SQL", "python", 'RETURNING id")\n').split("\nwith ")[0]
    code = block("integration.md", "Raw SQL", "python", containing)
    code = code if code.startswith(imports) else imports + code
    with recorded() as entries:
        exec(compile(f"{code}\n{call}", "integration.md", "exec"), {} if scope is None else scope)
    held = {str(pk): [n, s] for pk, n, s in Order.objects.values_list("pk", "number", "status")}
    for entry in entries:
        if entry.action != "delete":
            assert [entry.values["number"], entry.values["status"]] == held[entry.record_id]
    return dict(held.values()), sorted((e.values["number"], e.action) for e in entries)


needs_returning = pytest.mark.skipif(
    connection.vendor == "mysql", reason="about databases whose UPDATE returns rows"
)


@needs_returning
def test_rows_that_the_database_names():
    held, changes = run("LIKE 'A%'")
    assert held == {"A1": "paid", "A2": "paid", "A3": "paid", "B1": "void"}
    assert changes == [("A1", "update"), ("A2", "update"), ("A3", "update")]


def test_rows_that_were_locked_before():
    held, changes = run("'late'")
    assert held == {"A1": "late", "A2": "void", "A3": "late", "B1": "void"}
    assert changes == [("A1", "update"), ("A3", "update")]


def test_rows_that_are_deleted():
    held, changes = run("record_deleted(Order, gone)")
    assert held == {"A1": "new", "A3": "new"}
    assert changes == [("A2", "delete"), ("B1", "delete")]


def test_rows_that_the_parameters_name():
    pk = Order.objects.get(number="B1").pk
    held, changes = run("executemany", f"set_status({{{pk}: 'paid'}})")
    assert held == {"A1": "new", "A2": "void", "A3": "new", "B1": "paid"}
    assert changes == [("B1", "update")]


def test_rows_that_are_copied(postgresql_only):
    held, changes = run("COPY", "copy_orders([('C1', 'new'), ('C2', 'paid')])")
    assert held | {"C1": "new", "C2": "paid"} == held
    assert changes == [("C1", "update"), ("C2", "update")]


def test_a_receiver_of_the_signal(sync_settings, capsys):
    sync_settings(RAW_SQL="warn")
    scope = {}
    run("@receiver", scope=scope)
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE orders_order SET status = 'z'")
    finally:
        signals.uncaptured.disconnect(scope["alarm"])
    assert f"UPDATE on orders_order (4 rows) at {__file__}:" in capsys.readouterr().out
    assert ("orders_order", "UPDATE") in detector.uncaptured()
