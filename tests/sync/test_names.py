"""A registered table is found however SQL and `Meta.db_table` write its name."""

from __future__ import annotations

import pytest

from sync.names import bare_name, find_written
from sync.registry import registry
from tests.testapp.models import Owner, Unseen


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("shop_order", "shop_order"),
        ("Shop_Order", "shop_order"),
        ('"Shop"."Order"', "order"),
        ('shop"."order', "order"),
        ("shop`.`order", "order"),
        ("shop.order", "shop.order"),
    ],
)
def test_schema_quotes_and_case_are_left_away(table, name):
    assert bare_name(table) == name


def test_what_is_registered_is_found_at_once_and_no_longer_than_it_is(register, unregister):
    assert find_written("TestApp_Owner") is registry.get(Owner)
    assert find_written("testapp_unseen") is None
    register(Unseen)
    assert find_written("testapp_unseen") is registry.get(Unseen)
    unregister(Unseen)
    assert find_written("testapp_unseen") is None
