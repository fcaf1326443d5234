"""Starts the app: capture first, then every installed app's `sync.py`."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Synchronisation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sync import capture, checks, detector  # noqa: F401

        capture.install()
        detector.install()
        autodiscover_modules("sync")
