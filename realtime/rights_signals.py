"""Looking rights up again where Django tells that they may have changed.

Each receiver runs in the transaction of the change, where there is one, and so does `refresh`. What
nobody tells is found by the periodic look at every connection's rights.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete

from realtime.refreshing import refresh

NO_RIGHT = frozenset({"last_login"})
"""Fields of a user that say nothing of rights. Any other may count for the host's audiences."""

_FIELDS = ("groups", "user_permissions")

_CHANGED = frozenset({"post_add", "post_remove", "pre_clear"})


def connect() -> None:
    """Listen; to be called once, when all models are there."""
    from realtime.models import Device

    user_logged_out.connect(logged_out, dispatch_uid="realtime.logged_out")
    _on(post_save, user_saved, get_user_model())
    _on(post_delete, user_deleted, get_user_model())
    _on(post_save, device_saved, Device)
    _on(post_delete, device_deleted, Device)
    for name in _FIELDS:
        if field := getattr(get_user_model(), name, None):
            _on(m2m_changed, of_user_changed, field.through)
    if hasattr(get_user_model(), "groups"):
        from django.contrib.auth.models import Group

        _on(m2m_changed, permissions_changed, Group.permissions.through)
        _on(pre_delete, group_deleted, Group)


def logged_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """End the session in its store now, for Django does so only after it has told: the look at it
    that follows would find it."""
    session = getattr(request, "session", None)
    if session is not None and session.session_key:
        session.delete(session.session_key)
    if user is not None:
        refresh(user)


def user_saved(
    sender: Any, instance: Any, created: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    """Refresh a user who was changed; a new one has no connections."""
    if created or (update_fields is not None and NO_RIGHT.issuperset(update_fields)):
        return
    refresh(instance)


def user_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Refresh a user who is gone, while the primary key is still known: every connection ends."""
    refresh(instance)


def device_saved(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
    """Refresh the user of a device that was changed: limited, or made to end earlier."""
    if not created:
        refresh(instance.user_id)


def device_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Refresh the user of a device that is gone: its connections have to end."""
    refresh(instance.user_id)


def of_user_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, model: Any, **kwargs: Any
) -> None:
    """Refresh the users whose groups or permissions were changed, from either side."""
    if action not in _CHANGED:
        return
    if not reverse:
        refresh(instance)
    elif pk_set is not None:
        refresh(*pk_set)
    else:
        refresh(*_users(**{_field_of(sender): instance}))


def permissions_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, **kwargs: Any
) -> None:
    """Refresh the users of groups whose permissions were changed, from either side."""
    if action not in _CHANGED:
        return
    if not reverse:
        groups = [instance.pk]
    elif pk_set is not None:
        groups = list(pk_set)
    else:
        groups = list(instance.group_set.values_list("pk", flat=True))
    _refresh_groups(groups)


def group_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Refresh the users of a group, as long as it is known who they are."""
    _refresh_groups([instance.pk])


def _refresh_groups(groups: list[Any]) -> None:
    refresh(*_users(groups__in=groups))


def _users(**conditions: Any) -> Any:
    users = get_user_model()._default_manager.filter(**conditions)
    return users.values_list("pk", flat=True).distinct()


def _field_of(through: Any) -> str:
    return next(name for name in _FIELDS if getattr(get_user_model(), name).through is through)


def _on(signal: Any, receiver: Any, sender: Any) -> None:
    signal.connect(receiver, sender=sender, dispatch_uid=f"realtime.{receiver.__name__}.{sender!r}")
