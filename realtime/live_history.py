"""How the feed of the history in the admin hears of what is new: over the hub's WebSocket."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from realtime import watching
from realtime.conf import conf
from sync.admin.live import Mediation

SCRIPT: Final = "realtime/history_hints.js"


def mediation(request: HttpRequest) -> Mediation | None:
    """Return where the page connects to; None where its user would not be let in, or the host says
    that there is no address: then the page polls."""
    address = conf().WEBSOCKET_URL
    if not address or not watching.audiences_of(request.user):
        return None
    return Mediation(SCRIPT, {"hub-socket": watching.asking(address)})
