"""The host project as the tests run it: on a database of their own, with models for every write.

The database is chosen here, not in a fixture: pytest-django reads the settings before any
conftest is imported.
"""

from tests.support.environment import database_kind, prepare, scratch

prepare()

from hubproject import settings as host  # noqa: E402
from hubproject.settings import *  # noqa: E402, F403

INSTALLED_APPS = [
    *host.INSTALLED_APPS,
    "rest_framework",
    "rest_framework.authtoken",
    "tests.testapp",
]

if database_kind() == "sqlite":
    # A file and not memory: server processes and executor threads share it.
    DATABASES = {
        "default": host.DATABASES["default"] | {"TEST": {"NAME": str(scratch() / "test.sqlite3")}}
    }

# A second database beside the first, with tables and a log of its own.
OTHER = (
    str(scratch() / "other.sqlite3")
    if database_kind() == "sqlite"
    else f"other_{host.DATABASES['default']['NAME']}"
)
DATABASES = {
    "default": DATABASES["default"],  # noqa: F405
    "other": DATABASES["default"] | {"TEST": {"NAME": OTHER}},  # noqa: F405
}

SYNC = getattr(host, "SYNC", {}) | {"AUDIENCES": "tests.testapp.audiences.audiences_for"}
HOST_AUDIENCES = getattr(host, "SYNC", {}).get("AUDIENCES", "")

MEDIA_ROOT = scratch() / "media"

# Users are made by the hundred, and no test is about the strength of their passwords.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if database_kind() == "mariadb":
    # From Django 6.1 on commands say it each time: a model has a constraint that MariaDB lacks.
    SILENCED_SYSTEM_CHECKS = ["models.W036"]
