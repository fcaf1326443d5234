"""Starts the app: capture first, then every installed app's `sync.py`."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = _("Synchronisation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sync import (  # noqa: F401
            captors,
            capture,
            checks,
            detector,
            history_button,
            migrating,
            trigger_checks,
        )

        capture.install()
        detector.install()
        history_button.install()
        detector.captured_elsewhere.append(captors.captures)
        autodiscover_modules("sync")
        pre_migrate.connect(migrating.fit_triggers, sender=self, dispatch_uid="sync.fit")
        post_migrate.connect(migrating.install_functions, sender=self, dispatch_uid="sync.make")
        post_migrate.connect(migrating.install_triggers, sender=self, dispatch_uid="sync.install")
