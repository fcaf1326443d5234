"""The planner as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class HubProjectConfig(AppConfig):
    name = "hubproject"
    verbose_name = "Planner"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers that tell the hub of changed rights."""
        import_module("hubproject.rights")
