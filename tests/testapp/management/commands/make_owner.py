"""A command of a host that changes a record."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tests.testapp.models import Owner


class Command(BaseCommand):
    help = "Make an owner of this name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        Owner.objects.create(name=name)
