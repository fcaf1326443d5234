"""`manage.py hub_device`: create, pair, list, rotate and revoke the credentials of clients."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from realtime.devices import create_device, revoke_device, rotate_device
from realtime.errors import DeviceIsRevoked
from realtime.models import Device
from realtime.pairing import pair_device

UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

FIELDS: Final = ("expires_at", "audiences", "platform")


class Command(BaseCommand):
    help = "Create, pair, list, rotate and revoke devices: the credentials of clients."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, text in (
            ("create", "create a device and print its token, once"),
            ("pair", "create a device and print a short code that its client is given a token for"),
        ):
            _add_fields(actions.add_parser(action, help=text, description=f"{text}."))
        actions.add_parser("list", help="list every device, its state and when it was seen last")
        for action, text in (
            ("rotate", "print a new token; the former one works for another while"),
            ("revoke", "make a device's tokens useless and close its connections"),
        ):
            parser = actions.add_parser(action, help=text, description=f"{text}.")
            parser.add_argument("prefix", help="the first part of the token, as `list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except DeviceIsRevoked as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError(_explained(error)) from None

    def _create(self, options: dict[str, Any]) -> None:
        fields = {name: options[name] for name in FIELDS}
        _, token = create_device(_user(options["username"]), options["name"], **fields)
        self._print_once("The token is shown this once:", token)

    def _pair(self, options: dict[str, Any]) -> None:
        fields = {name: options[name] for name in FIELDS}
        device, code = pair_device(_user(options["username"]), options["name"], **fields)
        until = f"{device.pairing_until:%Y-%m-%d %H:%M:%S} UTC"
        self._print_once(f"Type this code into the client, once, until {until}:", code)

    def _list(self, options: dict[str, Any]) -> None:
        for device in Device.objects.select_related("user"):
            limits = f"until {_minutes(device.expires_at)}" if device.expires_at else "for ever"
            heard = ", ".join(device.audiences) or "all audiences"
            client = " ".join(filter(None, (device.platform, device.app_version))) or "-"
            self.stdout.write(
                f"{device.prefix}  {device.state:8}  {device.user}  {device.name}"
                f"  {limits}  {heard}  {client}  seen {_minutes(device.last_seen_at)}"
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        device = _device(options["prefix"])
        token = rotate_device(device)
        until = f"{device.previous_until:%Y-%m-%d %H:%M:%S} UTC"
        self._print_once(f"The former token works until {until}. The new one, once:", token)

    def _revoke(self, options: dict[str, Any]) -> None:
        device = _device(options["prefix"])
        revoke_device(device)
        self.stdout.write(f"{device.name} is revoked.")

    def _print_once(self, text: str, secret: str) -> None:
        """Print the secret alone to standard output, so that it can be sent into a file."""
        self.stderr.write(text, ending="\n")
        self.stdout.write(secret)


def _add_fields(parser: ArgumentParser) -> None:
    parser.add_argument("username")
    parser.add_argument("name", help="what the device is, such as 'front desk'")
    parser.add_argument(
        "--expires",
        dest="expires_at",
        metavar="WHEN",
        type=_moment,
        help="when it stops working: in 30m, 12h, 90d, 4w, or at 2031-01-31T18:00; default: never",
    )
    parser.add_argument(
        "--audience",
        dest="audiences",
        metavar="NAME",
        action="append",
        default=[],
        help="of the user's audiences, only this one; may be given several times",
    )
    parser.add_argument("--platform", default="", help="what it runs on, such as 'windows'")


def _moment(text: str) -> datetime:
    now = timezone.now()
    if text.isascii() and text[:-1].isdecimal() and text[-1:] in UNITS:
        try:
            moment = now + timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        except OverflowError:
            raise ArgumentTypeError(f"{text} is too far away") from None
    else:
        moment = _parsed(text)
    if moment <= now:
        raise ArgumentTypeError(f"{text} is over already")
    return moment


def _parsed(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time such as 30m, 12h, 90d, 4w, 2031-01-31T18:00")
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _user(username: str) -> Any:
    users = get_user_model()
    try:
        return users._default_manager.get_by_natural_key(username)
    except users.DoesNotExist:
        raise CommandError(f"There is no user {username!r}.") from None


def _device(prefix: str) -> Device:
    device = Device.objects.filter(prefix=prefix).first()
    if device is None:
        raise CommandError(f"There is no device {prefix!r}: see `hub_device list`.")
    return device


def _minutes(moment: datetime | None) -> str:
    return moment.isoformat(" ", "minutes") if moment else "never"


def _explained(error: ValidationError) -> str:
    wrong = error.message_dict.items()
    return " ".join(f"The {name} cannot be used: {' '.join(texts)}" for name, texts in wrong)
