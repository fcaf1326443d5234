"""What the hub keeps of clients: their credentials, their names, and who is connected."""

from __future__ import annotations

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
    relay = models.UUIDField(_("server process"), db_index=True)
    client_id = models.CharField(_("client id"), max_length=64)
    user_id = models.CharField(_("user id"), max_length=255, db_index=True)
    device_id = models.BigIntegerField(_("device id"), null=True)
    address = models.CharField(_("address"), max_length=64, blank=True, default="")
    network = models.CharField(max_length=64, blank=True, default="", db_index=True)
    app_version = models.CharField(_("app version"), max_length=64, blank=True, default="")
    platform = models.CharField(_("platform"), max_length=64, blank=True, default="")
    acknowledged = models.CharField(_("acknowledged"), max_length=64, blank=True, default="")
    behind = models.BooleanField(_("behind"), default=False)
    connected_at = models.DateTimeField(_("connected at"), default=timezone.now)
    seen_at = models.DateTimeField(_("seen at"), default=timezone.now, db_index=True)

    class Meta:
        db_table = "hub_presence"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    def __str__(self) -> str:
        return self.client_id
