"""The settings of the app: the host's `REALTIME` dictionary over the defaults below."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed


@dataclasses.dataclass(frozen=True, slots=True)
class Conf:
    """The named limits and switches of `realtime`; times are in seconds, sizes in bytes."""

    CHANNEL_LAYER: str = "default"
    """The channel layer that carries hints between processes."""
    GROUP: str = "realtime.relays"
    """The channel-layer group whose members are the relays."""
    ANNOUNCE: bool = True
    """Whether commits are announced; without it clients hear of them by the tick."""
    TICK: float = 1.0
    """How often a relay looks at the log, whatever it has heard."""
    RELAY_BATCH: int = 1000
    """Changes read from the log at once."""
    DATABASE_THREADS: int = 4
    """Threads, and so database connections, that the hub of one process uses at most, besides
    one for its relay."""
    MAX_MESSAGE_BYTES: int = 64 * 1024
    """The largest message a client may send."""
    MESSAGE_RATE: float = 100.0
    """Messages per second that a connection may go on sending; 0 for any number."""
    MESSAGE_BURST: int = 500
    """Messages that a connection may send at once, before `MESSAGE_RATE` holds."""
    MAX_WAITING_MESSAGES: int = 100
    """Messages of one connection that may wait to be handled; meanwhile its client is not read."""
    MAX_WAITING_BYTES: int = 256 * 1024
    """Size of the messages that may wait so, the last of them counted whole."""
    MAX_WAITING_REQUESTS: int = 16
    """Catch-up requests of one connection that may wait for their turn."""
    SYNC_COST_RATE: float = 100.0
    """What a connection may go on spending on pages per second; a page costs 1, and 1 more for
    every 100 changes in it; 0 for any amount."""
    SYNC_COST_BURST: float = 10_000.0
    """What a connection may spend on pages at once, before `SYNC_COST_RATE` holds."""
    MAX_CATCHUPS: int | None = 3
    """Pages that one process reads at once, and look-ups of rights for them, the rest in turn;
    fewer than `DATABASE_THREADS`, so that one thread is left for those who arrive. 0 or None for
    any number."""
    SHARED_PAGES_BYTES: int = 16 * 1024 * 1024
    """Memory of one process for pages that were read and are kept for others that ask for the same;
    0 keeps none."""
    SHARED_PAGES_TIME: float = 5.0
    """How long such a page is kept; 0 keeps none."""
    MAX_STRETCH: int = 10_000
    """Entries of the log that are looked through for who has news among them, where many clients
    wait for their pages at once; beyond it, or with 0, each page is read for itself."""
    MAX_WAITING_BROADCASTS: int = 1000
    """Messages of the host (`broadcast`, `send_to`) that wait for the relay's next look at the log;
    beyond it the oldest are lost."""
    MAX_HELD_EVENTS: int = 1000
    """Events kept for a connection while it catches up; beyond it, it catches up again."""
    MAX_UNSENT_BYTES: int = 512 * 1024
    """Unsent bytes at which live messages stop for a connection until it drains."""
    DRAIN_TIMEOUT: float = 60.0
    """How long a connection may take to drain before it is closed with 4001."""
    AUTHENTICATION_TIMEOUT: float = 10.0
    """How long a connection may stay without a user before it is closed with 4006."""
    MAX_CONNECTIONS_PER_USER: int | None = 50
    """Connections that one user may have; 0 or None for any number."""
    MAX_CONNECTIONS_PER_ADDRESS: int | None = 200
    """Connections that may come from one address, behind which there may be a whole office; 0 or
    None for any number."""
    MAX_UNAUTHENTICATED: int | None = 1000
    """Connections of one process that may have no user yet; 0 or None for any number."""
    MAX_UNAUTHENTICATED_PER_ADDRESS: int | None = 100
    """Connections of one process and address that may have no user yet; 0 or None for any
    number."""
    TRUSTED_PROXIES: tuple[str, ...] = ()
    """Addresses and networks of the proxies that are believed where a client comes from; `unix`
    for whoever connects by a Unix socket."""
    FORWARDED_HEADER: str = "X-Forwarded-For"
    """The header in which a trusted proxy says where a client comes from."""
    AUTHENTICATE: str = ""
    """Dotted path of the host's `authenticate(token, scope)`, asked about each token that is no
    device token; empty: there are only device tokens."""
    TOKEN_WARNING: float = 60.0
    """How long before its token expires a client is told so; 0 tells nobody."""
    DEVICE_ROTATION_GRACE: float = 24 * 3600.0
    """How long the former token of a device works after a new one was made."""
    PAIRING_TIMEOUT: float = 600.0
    """How long a pairing code is good for."""
    PAIRING_ATTEMPTS: int = 5
    """Wrong pairing codes per minute and address that one process looks at."""
    PAIRING_ATTEMPTS_IN_ALL: int = 100
    """Wrong pairing codes per minute that one process looks at, from all addresses together."""
    HEARTBEAT: float = 25.0
    """How often a client is asked to send `ping`."""
    RECHECK_INTERVAL: float = 60.0
    """How often the rights of each connection are looked up, for what no `refresh` announced."""
    ALLOWED_ORIGINS: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) that may use cookies besides those of ALLOWED_HOSTS."""
    TOKEN_ORIGIN_SCHEMES: tuple[str, ...] = ("app", "capacitor", "file", "ionic", "tauri")
    """Origin schemes of desktop and mobile shells: accepted, but only with a token."""
    PRESENCE_INTERVAL: float = 15.0
    """How often a relay says that its connections are still there."""
    PRESENCE_TIMEOUT: float = 60.0
    """How long the connections of a silent process are still counted."""
    CLIENT_RETENTION: float | None = 90 * 24 * 3600.0
    """How long a client is known that does not come back: its id, and how far it came. After it the
    id is anybody's again. 0 or None for ever."""
    SHUTDOWN_TIMEOUT: float = 1.0
    """How long a stopping server waits for the closing handshakes of its clients."""
    EXIT_TIMEOUT: float = 1.5
    """How long a stopping process may live on for requests that run on threads, whose clients
    have gone; 0 waits for as long as they take."""
    RETRY_AFTER: tuple[float, float] = (0.5, 5.0)
    """The range over which reconnects after a shutdown are spread."""
    RETRY_AFTER_PER_CONNECTION: float = 0.02
    """What each connection adds to the end of that range: more than its return takes of the
    processor, so that who comes back finds room."""
    GOODBYE_TIME: float = 0.0
    """Over how long a process that SIGTERM ends says goodbye to its clients, in batches, while it
    accepts nobody new; 0 says it to all at once, as SIGINT does in any case."""
    WEBSOCKET_URL: str = "/ws/"
    """Where pages of the Django admin find the hub: a path on the host that serves them, or a whole
    address (`wss://...`); empty: nowhere, and they poll."""
    FREEZE_HEAP: bool = True
    """Whether what is loaded when the first client arrives is taken out of later garbage
    collections (`gc.freeze`), each of which would hold up all clients for as long as it takes."""
    LISTEN_BACKLOG: int = 2048
    """Connections that may wait to be accepted; the kernel's `somaxconn` limits it."""
    ACCEPTS_AT_ONCE: int | None = 20
    """Connections that Daphne accepts before those that it has accepted get their turn; 0 or None
    for any number."""


@functools.cache
def conf() -> Conf:
    """Return the settings in force; unknown names are an error, so that a typo is not silent."""
    given: dict[str, Any] = getattr(settings, "REALTIME", {})
    known = {field.name for field in dataclasses.fields(Conf)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"REALTIME has unknown keys: {', '.join(unknown)}."
            f" Known are: {', '.join(sorted(known))}."
        )
    return Conf(**given)


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "REALTIME":
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="realtime.conf")
