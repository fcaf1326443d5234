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
if os.environ.get("BENCH_CAPTURE"):
    SYNC["CAPTURE"] = os.environ["BENCH_CAPTURE"]

# A warning for each of the thousands of writes of the other libraries' tables would be timed too.
LOGGING = {"version": 1, "disable_existing_loggers": False}
