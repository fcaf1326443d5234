"""Tells the hub whose rights have changed, so that open connections follow at once.

Writes that send no signals (bulk, raw SQL) are found by the hub's own re-check a little later.
"""

from collections.abc import Collection
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

import realtime
from hubproject.models import Membership, Project

RIGHTS: Final = frozenset({"is_active", "is_staff"})
"""The fields of a user that decide what the user hears."""


@receiver(pre_save, sender=Membership)
def remember_former_user(instance: Membership, **kwargs: Any) -> None:
    """A membership that is handed to somebody else takes it away from the user in the database."""
    former = Membership.objects.filter(pk=instance.pk).values_list("user_id", flat=True)
    instance.former_user_id = former.first()


@receiver(post_save, sender=Membership)
def refresh_members(instance: Membership, **kwargs: Any) -> None:
    for key in {instance.user_id, instance.former_user_id} - {None}:
        realtime.refresh(key)


@receiver(post_delete, sender=Membership)
def refresh_former_member(instance: Membership, **kwargs: Any) -> None:
    realtime.refresh(instance.user_id)


@receiver(post_save, sender=Project)
def refresh_staff_for_a_project(created: bool, **kwargs: Any) -> None:
    if created:
        refresh_staff()


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def refresh_user(
    instance: Any, created: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """A new user is an audience that staff have to hear; of a known one, only rights matter."""
    if created:
        refresh_staff()
    elif update_fields is None or RIGHTS & set(update_fields):
        realtime.refresh(instance)


@receiver(post_delete, sender=settings.AUTH_USER_MODEL)
def refresh_deleted_user(instance: Any, **kwargs: Any) -> None:
    realtime.refresh(instance.pk)


def refresh_staff() -> None:
    """Have all staff hear what there is by now."""
    for key in get_user_model().objects.filter(is_staff=True).values_list("pk", flat=True):
        realtime.refresh(key)
