"""A secret key of its own for every installation that was not given one."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from hubproject.private_files import write_private_once


def kept_secret_key(path: Path) -> str:
    """Return the key kept in a file; processes that start together agree on one."""
    try:
        key = path.read_text(encoding="utf-8") if path.exists() else _new_key(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot keep a secret key in {path} ({error.strerror}). "
            "Set SECRET_KEY, or VAR_DIR to a directory that can be written."
        ) from error
    if not key.strip():
        raise ImproperlyConfigured(f"{path} is empty. Remove it to have a new key made.")
    return key.strip()


def _new_key(path: Path) -> str:
    return write_private_once(path, get_random_secret_key())
