"""Staff of the admin, with the rights that a test is about."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User


def staff(*permissions: str, name: str = "staff") -> User:
    """Make somebody who may log in to the admin and has these rights, as `app.codename`."""
    user: User = User.objects.create_user(name, is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        found = Permission.objects.get(content_type__app_label=app, codename=codename)
        user.user_permissions.add(found)
    return user
