"""Which tables sync, with which fields, for which audience, under which event names."""

from __future__ import annotations

import dataclasses
import datetime
import string
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from django.db import models

from sync.columns import attname
from sync.errors import NotRegistered, RegistrationError
from sync.masking import checked_ways, refuse_leaks, type_redact
from sync.secrecy import looks_secret

EVERYONE: Final = "everyone"
"""The default audience: every authenticated client."""

ANY_CHANGE: Final = "*"
"""In `events`: the event stands for every change of the record, whatever its action."""

MAX_AUDIENCE_LENGTH: Final = 255

MAX_EVENT_LENGTH: Final = 128

type_audience = str | Callable[[Any], str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """How one table syncs."""

    model: type[models.Model]
    fields: frozenset[str]
    audience: str | Callable[[Any], str]
    events: Mapping[str, frozenset[str] | None]
    keep_unchanged: bool | None = None
    retention: datetime.timedelta | None = None
    redact: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    """Attribute names that do not sync for no other reason than that they look secret."""

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def label(self) -> str:
        """The model's name as the first part of default event names: `PlannerEntry` gives
        `plannerEntry`."""
        name = self.model.__name__
        return name[0].lower() + name[1:]

    @property
    def audience_fields(self) -> frozenset[str] | None:
        """Attribute names the audience is made of, or None where any may be needed."""
        if callable(self.audience):
            return None
        return frozenset(_template_fields(self.audience))

    def can_record(self, model: type[models.Model]) -> bool:
        """Tell whether a historical model has the columns that name a record and its audience."""
        today = self.model._meta
        needed = self.audience_fields
        if needed is None:
            needed = frozenset(field.attname for field in today.local_concrete_fields)
        keys = {field.attname for field in today.pk_fields}
        columns = {field.attname for field in model._meta.local_concrete_fields}
        return columns >= needed | keys

    def audience_of(self, values: Mapping[str, Any], make_instance: Callable[[], Any]) -> str:
        """Return who hears a record with these attribute values."""
        if callable(self.audience):
            return str(self.audience(make_instance()))
        return self.audience.format_map(values)


class Registry:
    """The registered tables, by table name, so that proxies, unmanaged twins and the historical
    models of data migrations are covered by the one registration of their table."""

    def __init__(self) -> None:
        self._by_table: dict[str, Registration] = {}
        self.find = self._by_table.get

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._by_table.values())

    def __contains__(self, model: type[models.Model]) -> bool:
        return model._meta.db_table in self._by_table

    def add(self, registration: Registration) -> None:
        """Add a registration; a table can be registered once."""
        table = registration.table
        if table in self._by_table:
            raise RegistrationError(f"{registration.model._meta.label} is registered twice.")
        self._by_table[table] = registration

    def remove(self, model: type[models.Model]) -> None:
        """Stop recording a model; what the log holds stays."""
        self._by_table.pop(self.get(model).table)

    def get(self, model: type[models.Model]) -> Registration:
        """Return the model's registration or raise `NotRegistered`."""
        found = self.find(model._meta.db_table)
        if found is None:
            raise NotRegistered(model._meta.label)
        return found


registry: Final = Registry()


def register(
    model: type[models.Model],
    *,
    fields: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    audience: type_audience = None,
    events: Mapping[str, Iterable[str] | str] | None = None,
    keep_unchanged: bool | None = None,
    retention: datetime.timedelta | None = None,
    redact: type_redact = (),
) -> Registration:
    """Record every change of a model from now on.

    `fields` names the synced fields (default: all but those that look secret), `exclude` takes
    some away; the primary key always syncs. `audience` is a template over the record's columns
    (`"project:{project_id}"`), a callable that takes an instance, or None for everyone.
    `events` maps an event name to the fields whose change it stands for, or to `ANY_CHANGE`.
    `keep_unchanged` says whether saves that changed nothing stay in the history (default:
    `SYNC["KEEP_UNCHANGED"]`).
    `retention` is how long `sync_prune` keeps superseded and delete entries (default:
    `SYNC["RETENTION"]`; `timedelta.max` for ever).
    `redact` maps fields to `"blank"` (null) or `"hash"` (a keyed digest), which is recorded instead
    of their values; a plain list of fields blanks them.

    Raises `RegistrationError` for anything that could not work later.
    """
    model = _recordable(model)
    ways = checked_ways(model, redact)
    synced, dropped = _synced_fields(model, fields, exclude, ways)
    registration = Registration(
        model=model,
        fields=synced,
        audience=_checked_audience(model, audience),
        events=_checked_events(model, synced, events or {}),
        keep_unchanged=keep_unchanged,
        retention=_checked_retention(model, retention),
        redact=ways,
        dropped=dropped,
    )
    refuse_leaks(registration)
    registry.add(registration)
    return registration


def _recordable(model: type[models.Model]) -> type[models.Model]:
    model = model._meta.concrete_model or model
    if model._meta.abstract:
        raise RegistrationError(f"{model.__name__} is abstract: register its concrete models.")
    if model._meta.app_label == "sync":
        raise RegistrationError(f"{model.__name__} cannot sync: the log would record itself.")
    return model


def _synced_fields(
    model: type[models.Model],
    fields: Iterable[str] | None,
    exclude: Iterable[str],
    redacted: Collection[str],
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the fields that sync, and those that do not only because they look secret."""
    excluded = {attname(model, name) for name in exclude}
    keys = {field.attname for field in model._meta.pk_fields}
    if fields is not None:
        return frozenset({attname(model, name) for name in fields} - excluded | keys), frozenset()
    every = model._meta.local_concrete_fields
    secret = {field.attname for field in every if looks_secret(field)}
    if secret_keys := sorted(secret & keys):
        raise RegistrationError(
            f"{model._meta.label}: the primary key {', '.join(secret_keys)} looks secret, and keys"
            " always sync. Do not register the model, or name the key in fields= if it is none."
        )
    secret -= excluded | set(redacted)
    synced = {field.attname for field in every} - secret - excluded | keys
    return frozenset(synced), frozenset(secret)


def _checked_audience(model: type[models.Model], audience: type_audience) -> Any:
    if audience is None:
        return EVERYONE
    if callable(audience):
        return audience
    if not audience:
        raise RegistrationError(f"{model._meta.label}: the audience is empty.")
    for name in _template_fields(audience):
        if name not in {f.attname for f in model._meta.local_concrete_fields}:
            raise RegistrationError(
                f"audience {audience!r}: {model._meta.label} has no column {name!r}."
            )
    return audience


def _checked_events(
    model: type[models.Model],
    synced: frozenset[str],
    events: Mapping[str, Iterable[str] | str],
) -> dict[str, frozenset[str] | None]:
    checked: dict[str, frozenset[str] | None] = {}
    for event, names in events.items():
        if not 0 < len(event) <= MAX_EVENT_LENGTH:
            raise RegistrationError(f"event {event!r}: use 1 to {MAX_EVENT_LENGTH} characters.")
        if names == ANY_CHANGE:
            checked[event] = None
            continue
        if isinstance(names, str):
            raise RegistrationError(f"event {event!r}: give a list of fields or {ANY_CHANGE!r}.")
        heard = checked[event] = frozenset(attname(model, name) for name in names)
        if unsynced := sorted(heard - synced):
            raise RegistrationError(f"event {event!r}: {', '.join(unsynced)} does not sync.")
    return checked


def _checked_retention(
    model: type[models.Model], retention: datetime.timedelta | None
) -> datetime.timedelta | None:
    if retention is None:
        return None
    if not isinstance(retention, datetime.timedelta) or retention <= datetime.timedelta():
        raise RegistrationError(
            f"{model._meta.label}: retention={retention!r} is not a positive timedelta."
        )
    return retention


def _template_fields(template: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise RegistrationError(f"audience {template!r}: {error}.") from error
    return [name for _, name, _, _ in parsed if name is not None]
