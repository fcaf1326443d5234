"""Files that only their owner may read: keys, passwords, tokens."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, so that no reader ever sees half of it or gets it unasked."""
    os.replace(_private_copy(path, text), path)


def write_private_once(path: Path, text: str) -> str:
    """Return what the file holds, after writing it only if no other process came first."""
    copy = _private_copy(path, text)
    try:
        # A link fails where the name is taken, and appears with its content where it is not.
        os.link(copy, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        copy.unlink()
    return text


def _private_copy(path: Path, text: str) -> Path:
    # mkstemp gives mode 0600 before the first byte is written.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
