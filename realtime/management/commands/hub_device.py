"""`manage.py hub_device`: create, list and revoke the credentials of clients."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from realtime.devices import create_device, revoke_device
from realtime.models import Device


class Command(BaseCommand):
    help = "Create, list and revoke devices: the credentials with which clients connect."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a device and print its token, once")
        create.add_argument("username")
        create.add_argument("name", help="what the device is, such as 'front desk'")
        actions.add_parser("list", help="list every device")
        revoke = actions.add_parser("revoke", help="make a device's token useless")
        revoke.add_argument("prefix", help="the first part of the token, as `list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        users = get_user_model()
        try:
            user = users._default_manager.get_by_natural_key(options["username"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['username']!r}.") from None
        _, token = create_device(user, _checked_name(options["name"]))
        self.stderr.write("The token is shown this once:", ending="\n")
        self.stdout.write(token)

    def _list(self, options: dict[str, Any]) -> None:
        for device in Device.objects.select_related("user"):
            state = "revoked" if device.revoked_at else "active"
            seen = device.last_seen_at.isoformat(" ", "minutes") if device.last_seen_at else "never"
            self.stdout.write(f"{device.prefix}  {state:7}  {device.user}  {device.name}  {seen}")

    def _revoke(self, options: dict[str, Any]) -> None:
        device = Device.objects.filter(prefix=options["prefix"]).first()
        if device is None:
            raise CommandError(f"There is no device {options['prefix']!r}: see `hub_device list`.")
        revoke_device(device)
        self.stdout.write(f"{device.name} is revoked.")


def _checked_name(name: str) -> str:
    """Return a name that every database stores whole, or raise `CommandError`."""
    try:
        Device._meta.get_field("name").clean(name, None)
    except ValidationError as error:
        raise CommandError(f"The name cannot be used: {' '.join(error.messages)}") from None
    return name
