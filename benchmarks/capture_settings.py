"""The host project with one table for each way to keep a history."""

import os

from hubproject import settings as host
from hubproject.settings import *  # noqa: F403

IS_POSTGRESQL = host.DATABASES["default"]["ENGINE"].endswith("postgresql")

INSTALLED_APPS = [
    *host.INSTALLED_APPS,
    *(["pgtrigger", "pghistory"] if IS_POSTGRESQL else []),
    "simple_history",
    "auditlog",
    "benchmarks.capture_app",
]

SYNC = dict(getattr(host, "SYNC", {}))
DATABASES = {alias: dict(database) for alias, database in host.DATABASES.items()}
if os.environ.get("BENCH_CAPTURE") == "trigger":
    SYNC["CAPTURE"] = "trigger"
if os.environ.get("BENCH_CAPTURE") == "prepared":
    DATABASES["default"]["OPTIONS"] = DATABASES["default"].get("OPTIONS", {}) | {
        "server_side_binding": True,
        "prepare_threshold": 1,
    }

# A warning for each of the thousands of writes of the other libraries' tables would be timed too.
LOGGING = {"version": 1, "disable_existing_loggers": False}
