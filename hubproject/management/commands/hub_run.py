"""Everything between a fresh checkout and a running hub."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, connections

from hubproject.credentials import (
    USERNAME,
    Credentials,
    credentials_file,
    ensure_credentials,
    token_file,
)
from hubproject.old_audiences import withdraw_from_everyone
from hubproject.sample import load_sample
from hubproject.serving import Address, become_server


class Command(BaseCommand):
    help = (
        "Migrates the database, makes an admin user and a sample once, says how to log in and "
        "watch, and serves the hub. Running it again keeps all data."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default=8000, type=int, help="port to listen on")
        parser.add_argument(
            "--no-serve", action="store_true", help="prepare everything, start no server"
        )

    def handle(self, *, bind: str, port: int, no_serve: bool, **options: Any) -> None:
        address = Address(bind, port)
        if not no_serve:
            address.check_free()
        credentials = self._prepare()
        self._print_how_to(address, credentials)
        connections.close_all()
        if not no_serve:
            become_server(address, settings.BASE_DIR)

    def _prepare(self) -> Credentials | None:
        _check_database()
        call_command("migrate", verbosity=0, interactive=False)
        credentials = ensure_credentials()
        withdraw_from_everyone()
        load_sample(get_user_model().objects.get(username=USERNAME))
        return credentials

    def _print_how_to(self, address: Address, credentials: Credentials | None) -> None:
        lines = [
            ("Start page", address.start_page),
            ("Admin", f"{address.start_page}admin/"),
            ("Log in", self._login(credentials)),
            ("WebSocket", address.websocket),
            ("Watch", self._watch(address, credentials)),
        ]
        for name, text in lines:
            self.stdout.write(f"{name + ':':<12} {text}")
        if credentials is not None:
            self.stdout.write(f"{'Kept in:':<12} {_short(credentials_file())}")

    def _login(self, credentials: Credentials | None) -> str:
        if credentials is not None and credentials.password_fits():
            return f"user {credentials.username}, password {credentials.password}"
        return (
            f"user {USERNAME}; its password is not known here. "
            f"Set a new one: {_manage()} changepassword {USERNAME}"
        )

    def _watch(self, address: Address, credentials: Credentials | None) -> str:
        if credentials is None:
            return f"make a device token first: {_manage()} hub_device create {USERNAME} laptop"
        return (
            f"{_manage()} hub_watch --url {address.websocket} --token-file {_short(token_file())}"
        )


def _check_database() -> None:
    # Without the pool, which would try again for a while and then not say what was wrong.
    probe = connection.copy()
    probe.settings_dict["OPTIONS"].pop("pool", None)
    try:
        probe.ensure_connection()
    except OperationalError as error:
        raise CommandError(
            f"Cannot use the {probe.vendor} database {probe.settings_dict['NAME']!r}: "
            f"{str(error).strip()}\nIs it there, and is DATABASE_URL right?"
        ) from error
    finally:
        probe.close()


def _manage() -> str:
    return f"{_short(Path(sys.executable))} manage.py"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
