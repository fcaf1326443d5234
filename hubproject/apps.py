"""The planner as a Django app."""

from django.apps import AppConfig


class HubProjectConfig(AppConfig):
    name = "hubproject"
    verbose_name = "Planner"
    default_auto_field = "django.db.models.BigAutoField"
