"""Starts the app: from here on, recorded changes are announced after their commit."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = _("Realtime")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from realtime import (  # noqa: F401
            checks,
            exposure_checks,
            function_checks,
            rights_signals,
        )
        from realtime.announcer import announce_after_commit
        from sync.signals import recorded

        recorded.connect(announce_after_commit, dispatch_uid="realtime.announce")
        rights_signals.connect()
