"""A hub for inputs by the million: its few threads keep their connections to the database."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

for database in DATABASES.values():
    database["CONN_MAX_AGE"] = None

LOGGING = {"version": 1, "disable_existing_loggers": False}
