"""A client's name: kept over its connections, and never another user's."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError

from realtime.client_ids import (
    belong_to,
    checked_client_id,
    generated_client_id,
    given_client_id,
)
from realtime.errors import InvalidMessage
from realtime.models import Client
from tests.support.threads import in_threads


@pytest.fixture
def user(db, django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def other(db, django_user_model):
    return django_user_model.objects.create(username="grace")


def belongs_to(client_id, user):
    (found,) = belong_to([(client_id, user)])
    return found


@pytest.mark.parametrize(
    ("headers", "query", "client_id"),
    [
        ([], b"", None),
        ([b"laptop"], b"", "laptop"),
        ([], b"client_id=laptop", "laptop"),
        ([], b"a=b&client_id=laptop", "laptop"),
        ([], b"client_id=lap%3Atop", "lap:top"),
        ([], b"client_id=", None),
        ([], b"client_id", None),
        ([], b"client_id=%ff", "\ufffd"),
        ([], b"\xff\xfe", None),
        ([b"header"], b"client_id=query", "header"),
        ([b""], b"client_id=query", ""),
        ([b"first", b"second"], b"", "first"),
    ],
)
def test_the_header_names_the_client_and_else_the_query(headers, query, client_id):
    scope = {"headers": [(b"x-client-id", value) for value in headers], "query_string": query}
    assert given_client_id(scope) == client_id


@pytest.mark.parametrize(
    "client_id", ["a", "laptop-1", "urn:uuid:1", "A.b_C:d-9", "x" * 64, str(uuid.uuid4())]
)
def test_a_plain_client_id_may_be_used(client_id):
    assert checked_client_id(client_id) == client_id


@pytest.mark.parametrize(
    "client_id",
    ["", " ", "a b", "a\n", "a\x00", "x" * 65, "ü", "१", "a/b", "a,b", "<script>", "a;b", "a=b"],
)
def test_any_other_client_id_is_refused_with_the_rule(client_id):
    with pytest.raises(InvalidMessage, match="1 to 64 of the characters"):
        checked_client_id(client_id)


def test_a_client_id_belongs_to_the_first_user_who_uses_it(user, other):
    assert belongs_to("laptop", user)
    assert not belongs_to("laptop", other)
    assert belongs_to("laptop", user)
    assert Client.objects.get().user == user


def test_coming_back_is_noted_on_the_client(user):
    belongs_to("laptop", user)
    first = Client.objects.get().last_seen_at
    belongs_to("laptop", user)
    assert Client.objects.get().last_seen_at > first


def test_somebody_else_trying_is_not_noted_on_the_client(user, other):
    belongs_to("laptop", user)
    first = Client.objects.get().last_seen_at
    belongs_to("laptop", other)
    assert Client.objects.get().last_seen_at == first


def test_a_client_id_that_was_freed_belongs_to_the_next(user, other):
    belongs_to("laptop", user)
    Client.objects.all().delete()
    assert belongs_to("laptop", other)


def test_a_generated_client_id_is_valid_new_and_its_users_alone(user, other):
    generated = generated_client_id(user)
    assert checked_client_id(generated) == generated
    assert generated != generated_client_id(user)
    assert belongs_to(generated, user)
    assert not belongs_to(generated, other)


def test_a_generated_client_id_takes_no_place_in_the_database(user):
    belongs_to(generated_client_id(user), user)
    assert not Client.objects.exists()


def test_a_generated_client_id_cannot_be_made_up(user):
    made_up = f"hub-{'0' * 16}-{'0' * 32}"
    assert not belongs_to(made_up, user)
    genuine = generated_client_id(user)
    last = "0" if genuine[-1] != "0" else "1"
    assert not belongs_to(genuine[:-1] + last, user)
    assert not Client.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_users_who_claim_a_client_id_at_once_one_gets_it(django_user_model):
    users = [django_user_model.objects.create(username=f"user {n}") for n in range(6)]
    won = in_threads(*(lambda user=user: belongs_to("laptop", user) for user in users))
    winners = [user for user, has_won in zip(users, won, strict=True) if has_won]
    assert winners == [Client.objects.get().user]


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_gone_is_tried_once(django_user_model, django_assert_max_num_queries):
    gone = django_user_model.objects.create_user("gone")
    django_user_model.objects.filter(pk=gone.pk).delete()
    with django_assert_max_num_queries(8), pytest.raises(IntegrityError):
        belongs_to("laptop-7", gone)


# Many at once


def test_each_of_many_claims_gets_its_own_answer(user, other):
    belongs_to("laptop", user)
    belongs_to("phone", other)
    generated = generated_client_id(user)
    claims = [("laptop", user), ("laptop", other), ("phone", other), ("new", other), ("new", user)]
    claims += [(generated, user), (generated, other), ("tablet", user)]
    assert belong_to(claims) == [True, False, True, True, False, True, False, True]
    owners = dict(Client.objects.values_list("client_id", "user_id"))
    assert owners == {
        "laptop": user.pk,
        "phone": other.pk,
        "new": other.pk,
        "tablet": user.pk,
    }


def test_coming_back_costs_as_many_statements_for_many_as_for_one(user, django_assert_num_queries):
    ids = [f"laptop-{n}" for n in range(20)]
    belong_to([(client_id, user) for client_id in ids])
    for some in (ids[:1], ids):
        with django_assert_num_queries(4):
            assert all(belong_to([(client_id, user) for client_id in some]))


@pytest.mark.django_db(transaction=True)
def test_of_many_users_who_claim_many_client_ids_at_once_each_id_has_one_owner(django_user_model):
    users = [django_user_model.objects.create(username=f"user {n}") for n in range(6)]
    ids = [f"laptop-{n}" for n in range(10)]
    orders = [ids, ids[::-1]] * 3
    found = in_threads(
        *(
            lambda user=user, order=order: dict(
                zip(order, belong_to([(one, user) for one in order]), strict=True)
            )
            for user, order in zip(users, orders, strict=True)
        )
    )
    for client_id in ids:
        winners = [user for user, won in zip(users, found, strict=True) if won[client_id]]
        assert winners == [Client.objects.get(client_id=client_id).user]
