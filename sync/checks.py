"""System checks: what would make the log incomplete is said before the first write."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connections

from sync import capture
from sync.conf import conf
from sync.registry import Registration, registry


@register("sync")
def capture_is_in_place(**kwargs: Any) -> list[CheckMessage]:
    """Check that every write method of the running Django is wrapped."""
    return [
        Error(
            f"{name} is not captured: another package replaced it after `sync` was loaded.",
            hint="List 'sync' after that package in INSTALLED_APPS.",
            id="sync.E001",
        )
        for name in capture.missing()
    ]


@register("sync")
def parents_are_registered(**kwargs: Any) -> list[CheckMessage]:
    """Check that a multi-table child is not registered without the tables of its parents."""
    return [
        Warning(
            f"{registration.model._meta.label} is registered, its multi-table parent"
            f" {parent._meta.label} is not: changes of the parent's columns do not sync.",
            hint=f"sync.register({parent.__name__}) as well.",
            obj=registration.model,
            id="sync.W001",
        )
        for registration in registry
        for parent in registration.model._meta.get_parent_list()
        if parent not in registry
    ]


@register("sync")
def many_to_many_are_registered(**kwargs: Any) -> list[CheckMessage]:
    """Check that no many-to-many table was forgotten beside its registered owner."""
    return [message for registration in registry for message in _unregistered_through(registration)]


@register(Tags.database, "sync")
def sqlite_waits_for_its_writer(**kwargs: Any) -> list[CheckMessage]:
    """Check that SQLite, which has one writer, lets writers wait for each other."""
    connection = connections[conf().DATABASE]
    if connection.vendor != "sqlite":
        return []
    options = connection.settings_dict["OPTIONS"]
    if str(options.get("transaction_mode", "")).upper() == "IMMEDIATE":
        return []
    return [
        Warning(
            "SQLite transactions start as readers: a write inside one can fail with"
            " 'database is locked' while the hub publishes.",
            hint="Set OPTIONS['transaction_mode'] = 'IMMEDIATE', 'timeout' to 20, and"
            " 'init_command' to 'PRAGMA journal_mode=WAL' in DATABASES.",
            id="sync.W003",
        )
    ]


@register("sync")
def secrets_are_kept_back_knowingly(**kwargs: Any) -> list[CheckMessage]:
    """Tell which fields do not sync because they look secret, so that nobody has to wonder."""
    return [
        Info(
            f"{registration.model._meta.label}: {', '.join(sorted(registration.dropped))} does not"
            " sync, for the name looks secret.",
            hint="Name it in exclude= of sync.register() if that is right, in redact= to sync that"
            " it changed, or in fields= with all others to sync its values.",
            obj=registration.model,
            id="sync.I001",
        )
        for registration in registry
        if registration.dropped
    ]


def _unregistered_through(registration: Registration) -> list[CheckMessage]:
    fields: list[Any] = list(registration.model._meta.local_many_to_many)
    return [
        Warning(
            f"{field} does not sync: its table is not registered.",
            hint=f"sync.register({registration.model.__name__}.{field.name}.through)",
            obj=registration.model,
            id="sync.W002",
        )
        for field in fields
        if field.remote_field.through not in registry
    ]
