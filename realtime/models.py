"""What the hub keeps of clients: their credentials, their names, and who is connected."""

from __future__ import annotations

import datetime
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Device(models.Model):
    """A client's credential. Only a hash of its token is stored."""

    name = models.CharField(_("name"), max_length=100)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="hub_devices",
        verbose_name=_("user"),
    )
    prefix = models.CharField(_("token prefix"), max_length=8, unique=True, editable=False)
    token_hash = models.CharField(_("token hash"), max_length=64, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    class Meta:
        db_table = "hub_device"
        ordering = ["-created_at"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.name


class Client(models.Model):
    """A client id and the user it belongs to, so that nobody can pose as another's client."""

    client_id = models.CharField(_("client id"), max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="hub_clients",
        verbose_name=_("user"),
    )
    last_seen_at = models.DateTimeField(_("last seen at"), default=timezone.now)

    class Meta:
        db_table = "hub_client"
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def __str__(self) -> str:
        return self.client_id


class Presence(models.Model):
    """One open connection, as its relay last said."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    relay = models.UUIDField(db_index=True)
    client_id = models.CharField(max_length=64)
    user_id = models.CharField(max_length=255)
    address = models.CharField(max_length=64, blank=True, default="")
    connected_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "hub_presence"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    def __str__(self) -> str:
        return self.client_id


class Right(models.Model):
    """That a user held an audience, from when to when. Null for the times from ever and to now."""

    user_id = models.CharField(_("user id"), max_length=255)
    audience = models.CharField(_("audience"), max_length=255)
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
    user_id = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "hub_notice"

    def __str__(self) -> str:
        return self.user_id
