"""People who may see the history, and parts of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

Viewer = Callable[..., Client]


@pytest.fixture
def viewer(db: None) -> Viewer:
    """Log somebody of the staff in who may view these models, and the history unless said not."""

    def log_in(*models: Any, history: bool = True) -> Client:
        user = User.objects.create_user(f"viewer-{User.objects.count()}", is_staff=True)
        names = [f"view_{model._meta.model_name}" for model in models]
        names += ["view_synclog"] if history else []
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client = Client()
        client.force_login(user)
        return client

    return log_in
