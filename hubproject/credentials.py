"""The first admin user and its device token: made once, kept where only their owner can read."""

import dataclasses
import json
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from hubproject.private_files import write_private
from realtime.devices import create_device

USERNAME = "admin"
DEVICE_NAME = "hub_watch on this machine"


@dataclasses.dataclass(frozen=True)
class Credentials:
    """What opens the admin and the WebSocket of one database."""

    username: str
    password: str
    token: str

    def password_fits(self) -> bool:
        """Tell whether the user still has the password that was generated."""
        user = get_user_model().objects.filter(username=self.username).first()
        return user is not None and user.check_password(self.password)


def credentials_file() -> Path:
    return Path(settings.VAR_DIR) / "credentials.json"


def token_file() -> Path:
    return Path(settings.VAR_DIR) / "device-token"


def ensure_credentials() -> Credentials | None:
    """Return the kept credentials of this database, made now where it has no admin user yet;
    None where the user exists but what was generated for it is not kept here."""
    kept = _kept()
    known = kept.get(_database())
    if not get_user_model().objects.filter(username=USERNAME).exists():
        return _create(kept)
    if known is None:
        return None
    credentials = Credentials(**known)
    write_private(token_file(), credentials.token + "\n")
    return credentials


def _create(kept: dict[str, dict[str, str]]) -> Credentials:
    password = secrets.token_urlsafe(12)
    # Kept before the commit: a crash in between leaves no user whose password nobody knows.
    with transaction.atomic():
        user = get_user_model().objects.create_superuser(USERNAME, password=password)
        _, token = create_device(user, DEVICE_NAME)
        credentials = Credentials(USERNAME, password, token)
        kept = kept | {_database(): dataclasses.asdict(credentials)}
        write_private(credentials_file(), json.dumps(kept, indent=2) + "\n")
        write_private(token_file(), token + "\n")
    return credentials


def _kept() -> dict[str, dict[str, str]]:
    if not credentials_file().exists():
        return {}
    kept: dict[str, dict[str, str]] = json.loads(credentials_file().read_text(encoding="utf-8"))
    return kept


def _database() -> str:
    """Name the database: another `DATABASE_URL` has another admin user."""
    used = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:{used['NAME']}"
    return f"{connection.vendor}://{used['HOST']}:{used['PORT']}/{used['NAME']}"
