"""Starts the app: from here on, recorded changes are announced after their commit."""

from django.apps import AppConfig
from django.db.models.signals import post_save


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from realtime import checks  # noqa: F401
        from realtime.announcer import announce_after_commit

        post_save.connect(
            announce_after_commit, sender="sync.SyncLog", dispatch_uid="realtime.announce"
        )
