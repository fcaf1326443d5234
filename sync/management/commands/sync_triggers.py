"""`manage.py sync_triggers`: have PostgreSQL record what any program writes."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from sync import triggers
from sync.conf import conf
from sync.errors import NotRegistered
from sync.registry import Registration, registry
from sync.sql_functions import function_statements, functions_are_current


class Command(BaseCommand):
    help = (
        "Install, remove or check the triggers with which PostgreSQL records every change of a"
        " registered table, whoever makes it. With SYNC['CAPTURE'] = 'trigger' migrate installs"
        " them. Restart all processes of the project after installing, and before removing set"
        " CAPTURE to 'orm' and restart them, or changes are recorded twice or not at all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "action",
            choices=["install", "remove", "check"],
            help="install what is missing or outdated, remove all, or tell how each stands and"
            " fail if one is not current",
        )
        parser.add_argument("models", nargs="*", metavar="app.Model", help="default: all")
        parser.add_argument("--database", default=None, help="alias, default: SYNC['DATABASE']")
        parser.add_argument(
            "--dry-run", action="store_true", help="print the SQL of install or remove, do nothing"
        )
        parser.add_argument(
            "--unregistered",
            action="store_true",
            help="with remove: only from tables that are not registered (any more)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"] or conf().DATABASE]
        if connection.vendor != "postgresql":
            raise CommandError(
                f"Triggers need PostgreSQL: {connection.alias} is {connection.display_name}."
            )
        if "sync_log" not in connection.introspection.table_names():
            raise CommandError(f"{connection.alias} has no log yet: run migrate first.")
        if options["action"] == "remove":
            return self._remove(connection, options)
        registrations = _registrations(options["models"])
        if options["action"] == "install":
            return self._install(connection, registrations, dry=options["dry_run"])
        return self._check(connection, registrations)

    def _install(self, connection: Any, registrations: list[Registration], *, dry: bool) -> None:
        if dry:
            if not functions_are_current(connection):
                self._print(function_statements(connection))
            for state in triggers.states(connection, registrations):
                self._print(state.statements)
            return
        for state in triggers.install(connection, registrations):
            self._tell(state)

    def _remove(self, connection: Any, options: dict[str, Any]) -> None:
        if options["unregistered"]:
            found = triggers.unregistered(connection)
        else:
            named = {r.table for r in _registrations(options["models"])}
            everything = triggers.triggered_tables(connection)
            found = [t for t in everything if not options["models"] or t[1] in named]
        if options["dry_run"]:
            return self._print(triggers.removal(connection, found))
        triggers.remove(connection, found)
        for _, table in found:
            self.stdout.write(f"{table}: removed")

    def _check(self, connection: Any, registrations: list[Registration]) -> None:
        states = triggers.states(connection, registrations)
        for state in states:
            self._tell(state)
        if wrong := sum(state.kind != triggers.CURRENT for state in states):
            raise CommandError(f"{wrong} of {len(states)} are not current.")

    def _tell(self, state: triggers.State) -> None:
        detail = f" ({state.reason})" if state.reason else ""
        self.stdout.write(f"{state.registration.model._meta.label}: {state.kind}{detail}")

    def _print(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.stdout.write(f"{statement};")


def _registrations(labels: list[str]) -> list[Registration]:
    return [_registration(label) for label in labels] or list(registry)


def _registration(label: str) -> Registration:
    if label.count(".") != 1:
        raise CommandError(f"{label!r} names no model: write app.Model.")
    try:
        return registry.get(apps.get_model(label))
    except (LookupError, NotRegistered) as error:
        raise CommandError(str(error)) from error
