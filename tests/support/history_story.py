"""A small history to look at, with all that makes a page of the history hard to draw."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils import timezone

import sync
from hubproject.models import Project, Task
from realtime.models import Client, Presence
from sync.models import SyncLog
from sync.publishing import publish
from tests.testapp.models import Seat

UNBROKEN: Final = "https://example.org/" + "a-path-without-any-place-to-break" * 8
"""Wider than any window: what shows it has to break it."""

MARKUP: Final = "<script>document.title = 'run'</script>"
FROM_THE_RIGHT: Final = "وقّع عقد الإيجار"

CLIENT_ID: Final = "laptop-of-grace"


@dataclasses.dataclass(frozen=True, slots=True)
class Story:
    """What a page of the history can be about; its names are those of the addresses' arguments."""

    table: str
    record_id: str
    entry: int
    """The id of the entry that changed the record last."""
    seq: int
    transaction: uuid.UUID
    client_id: str = CLIENT_ID

    @property
    def object_id(self) -> int:
        return self.entry

    @property
    def entry_id(self) -> int:
        return self.entry

    @property
    def pk(self) -> int:
        return self.entry


def tell_story(user: User) -> Story:
    """Make the changes of some records, by several people and programs, and publish them."""
    with sync.context(actor=user, source="admin", reason="The lease begins in May."):
        project = Project.objects.create(name="Move to the new office")
        task = Task.objects.create(project=project, title="Sign the lease", notes=UNBROKEN)
        gone = Task.objects.create(project=project, title="Order desks")
        Seat.objects.create(room="B/2 & <annex>", number=1, guest="Grace")
    with sync.context(actor="import", source="command", request_id="r-1", client_id=CLIENT_ID):
        _change(task, title=FROM_THE_RIGHT, due=timezone.localdate())
        _change(task, title=MARKUP, status=Task.Status.DOING)
    sync.redact(task, ["notes"], reason="Asked to be forgotten", keep=True)
    gone.delete()
    with sync.context(actor=user, source="request", reason="Done, says <b>Grace</b>."):
        _change(task, title="Sign both copies of the lease", status=Task.Status.DONE, due=None)
    _connect(user)
    publish()
    last = SyncLog.objects.filter(table="tasks", action=SyncLog.Action.UPDATE).latest("seq")
    assert last.seq is not None and last.transaction is not None
    return Story("tasks", str(task.pk), last.pk, last.seq, last.transaction)


def _change(task: Task, **values: Any) -> None:
    for name, value in values.items():
        setattr(task, name, value)
    task.save()


def _connect(user: User) -> None:
    """Have two clients, one of which is connected."""
    before = timezone.now() - datetime.timedelta(days=3)
    Client.objects.create(client_id="phone-of-grace", user=user, last_seen_at=before)
    Client.objects.create(client_id=CLIENT_ID, user=user)
    Presence.objects.create(
        relay=uuid.uuid4(),
        client_id=CLIENT_ID,
        user_id=str(user.pk),
        address="192.0.2.7",
        app_version="1.4.0",
        platform="Electron on Linux",
    )
