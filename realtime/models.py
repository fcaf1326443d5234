"""What the hub keeps of clients: their credentials, their names, and who is connected."""

from __future__ import annotations

import datetime
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from realtime.audience_names import names_of_audiences
from sync.exact_text import ExactCharField


class Device(models.Model):
    """A client's credential. Only hashes of its tokens and of its pairing code are stored.

    It may read; which audiences of its user's is said by `audiences`, none for all.
    """

    name = models.CharField(_("name"), max_length=100)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="hub_devices",
        verbose_name=_("user"),
    )
    audiences = models.JSONField(
        _("audiences"), default=list, blank=True, validators=[names_of_audiences]
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    platform = models.CharField(_("platform"), max_length=64, blank=True, default="")
    prefix = models.CharField(_("token prefix"), max_length=8, unique=True, editable=False)
    token_hash = models.CharField(_("token hash"), max_length=64, editable=False)
    previous_hash = models.CharField(
        _("former token hash"), max_length=64, blank=True, default="", editable=False
    )
    previous_until = models.DateTimeField(
        _("former token works until"), null=True, blank=True, editable=False
    )
    pairing_hash = models.CharField(  # noqa: DJ001  # unique, but for those that have none
        _("pairing code hash"), max_length=64, null=True, unique=True, editable=False
    )
    pairing_until = models.DateTimeField(_("pairing code works until"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    address = models.CharField(_("address"), max_length=64, blank=True, default="", editable=False)
    app_version = models.CharField(
        _("app version"), max_length=64, blank=True, default="", editable=False
    )
    cursor = models.CharField(
        _("acknowledged cursor"), max_length=64, blank=True, default="", editable=False
    )
    lag = models.BigIntegerField(_("changes behind"), null=True, editable=False)

    class Meta:
        db_table = "hub_device"
        ordering = ["-created_at"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """One word for what the device is good for now."""
        now = timezone.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.token_hash:
            return "active"
        return "unpaired"


class Client(models.Model):
    """A client id and the user it belongs to, so that nobody can pose as another's client.

    How far it came is that of its last connection that has ended; that of one which is open is
    with its `Presence`.
    """

    client_id = ExactCharField(_("client id"), max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="hub_clients",
        verbose_name=_("user"),
    )
    last_seen_at = models.DateTimeField(_("last seen at"), default=timezone.now, db_index=True)
    device_id = models.BigIntegerField(_("device id"), null=True, db_index=True, editable=False)
    connected_at = models.DateTimeField(_("connected at"), null=True, editable=False)
    joined = models.CharField(
        _("connected at position"), max_length=64, blank=True, default="", editable=False
    )
    handed = models.CharField(
        _("served up to"), max_length=64, blank=True, default="", editable=False
    )
    sent = models.CharField(
        _("sent everything up to"), max_length=64, blank=True, default="", editable=False
    )
    acknowledged = models.CharField(
        _("acknowledged"), max_length=64, blank=True, default="", editable=False
    )
    tables = models.JSONField(_("tables asked for"), null=True, editable=False)
    asked = models.JSONField(_("audiences asked for"), null=True, editable=False)
    granted = models.JSONField(_("audiences of the credential"), null=True, editable=False)

    class Meta:
        db_table = "hub_client"
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def __str__(self) -> str:
        return str(self.client_id)


class Presence(models.Model):
    """One open connection, as its relay last said."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    relay = models.UUIDField(_("server process"), db_index=True)
    client_id = ExactCharField(_("client id"), max_length=64, db_index=True)
    user_id = ExactCharField(_("user id"), max_length=255, db_index=True)
    device_id = models.BigIntegerField(_("device id"), null=True, db_index=True)
    address = models.CharField(_("address"), max_length=64, blank=True, default="")
    network = models.CharField(max_length=64, blank=True, default="", db_index=True)
    app_version = models.CharField(_("app version"), max_length=64, blank=True, default="")
    platform = models.CharField(_("platform"), max_length=64, blank=True, default="")
    acknowledged = models.CharField(_("acknowledged"), max_length=64, blank=True, default="")
    behind = models.BooleanField(_("behind"), default=False)
    joined = models.CharField(_("connected at position"), max_length=64, blank=True, default="")
    reached = models.CharField(_("process served up to"), max_length=64, blank=True, default="")
    stopped = models.CharField(_("served only up to"), max_length=64, blank=True, default="")
    caught_up = models.BooleanField(_("caught up"), default=False)
    tables = models.JSONField(_("tables asked for"), null=True)
    asked = models.JSONField(_("audiences asked for"), null=True)
    granted = models.JSONField(_("audiences of the credential"), null=True)
    connected_at = models.DateTimeField(_("connected at"), default=timezone.now)
    seen_at = models.DateTimeField(_("seen at"), default=timezone.now, db_index=True)

    class Meta:
        db_table = "hub_presence"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        permissions = [
            ("message_presence", "Can send messages to clients"),
            ("resync_presence", "Can have clients load everything anew"),
            ("disconnect_presence", "Can disconnect clients"),
        ]

    def __str__(self) -> str:
        return str(self.client_id)


class Right(models.Model):
    """That a user held an audience, from when to when. Null for the times from ever and to now."""

    user_id = ExactCharField(_("user id"), max_length=255)
    audience = ExactCharField(_("audience"), max_length=255)
    gained_at = models.DateTimeField(_("gained at"), null=True)
    gained_seq = models.BigIntegerField(_("gained at position"), null=True)
    lost_at = models.DateTimeField(_("lost at"), null=True)
    lost_seq = models.BigIntegerField(_("lost at position"), null=True)

    class Meta:
        db_table = "hub_right"
        verbose_name = _("right")
        verbose_name_plural = _("rights")
        indexes = [models.Index(fields=["user_id", "lost_at"], name="hub_right_user")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.audience}"

    @property
    def gained(self) -> tuple[datetime.datetime, int]:
        """When it was gained, and where the log ended then."""
        assert self.gained_at is not None and self.gained_seq is not None
        return self.gained_at, self.gained_seq

    @property
    def lost(self) -> tuple[datetime.datetime, int]:
        """When it was lost, and where the log ended then."""
        assert self.lost_at is not None and self.lost_seq is not None
        return self.lost_at, self.lost_seq


class Notice(models.Model):
    """That a user's rights may have changed: written in the transaction that changes them."""

    id = models.BigAutoField(primary_key=True)
    user_id = ExactCharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "hub_notice"

    def __str__(self) -> str:
        return str(self.user_id)
