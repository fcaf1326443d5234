"""The host project under load: its own settings, with those of `REALTIME` and `SYNC` that a
benchmark gives in `HUB_BENCH_SETTINGS`."""

import json
import os

from hubproject import settings as host
from hubproject.settings import *  # noqa: F403

given = json.loads(os.environ.get("HUB_BENCH_SETTINGS", "{}"))
REALTIME = getattr(host, "REALTIME", {}) | given.get("REALTIME", {})
SYNC = host.SYNC | given.get("SYNC", {})

# Users are made by the thousand, and nobody logs in with a password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
