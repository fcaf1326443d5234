"""What django-eventstream needs besides: itself, and a URL."""

from benchmarks.peers.channels_settings import *  # noqa: F403

INSTALLED_APPS = ["daphne", "django_eventstream"]
ROOT_URLCONF = "benchmarks.peers.eventstream"
