"""The settings of the capture benchmark, and who may call."""

from benchmarks.capture_settings import *  # noqa: F403

ALLOWED_HOSTS = ["testserver"]
