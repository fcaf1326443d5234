"""Prints which databases this machine can run the tests on, for the Makefile.

What is left out is said on stderr; it is an error where `HUB_REQUIRE` names it.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from tests.support.environment import SCHEMES
from tests.support.loopback import ServerFailed
from tests.support.mariadb import programs
from tests.support.require import demanded


def main() -> None:
    """Print the values for `HUB_TEST_DATABASE`, MariaDB last."""
    found = ["sqlite", "postgresql"]
    try:
        if SCHEMES.get(urlsplit(os.environ.get("TEST_DATABASE_URL", "")).scheme) != "mariadb":
            programs()
        found.append("mariadb")
    except ServerFailed as failure:
        print(f"MariaDB is left out: {failure}", file=sys.stderr)
        if demanded("mariadb"):
            sys.exit("HUB_REQUIRE names mariadb")
    print(*found)


if __name__ == "__main__":
    main()
