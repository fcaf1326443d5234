"""The hub as an application that a test can break: so that it cannot be imported any more, or ends
as soon as it serves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.breaks import IMPORT, SERVING, VARIABLE

how = Path(os.environ[VARIABLE])
if how.exists() and how.read_text() == IMPORT:
    raise ImportError("it was broken on purpose")

from hubproject.asgi import application  # noqa: E402, F401

if how.exists() and how.read_text() == SERVING:
    reactor = sys.modules["twisted.internet.reactor"]
    # After the hub's own first call, by which it says that it listens.
    reactor.callWhenRunning(lambda: reactor.callLater(0.1, os._exit, 9))
