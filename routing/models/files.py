"""Files that chargers send us and fetch from us, and what their settings should be."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from accounts.public import PublicModel
from accounts.recording import RecordedModel, RecordedQuerySet
from accounts.telling import Manners
from routing.core.secrecy import is_secret
from routing.models.commands import Command
from routing.models.querysets import RecordQuerySet

MOST_SETTINGS = 200


class UploadQuerySet(RecordQuerySet["Upload"]):
    """Files of chargers; who may change a charger may read what it has sent."""

    moment = "created_at"


class Upload(PublicModel):
    """A file that a charger was asked to send, and was given an address for; or has sent.

    ``token_hash``: of what stands in that address. ``expires``: until then it may be used, once; when it was
    (``received_at``), until then the file is kept. ``size`` in bytes. ``sha256`` in hexadecimal.
    """

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="uploads")
    command = models.ForeignKey(
        Command, on_delete=models.SET_NULL, related_name="uploads", null=True, blank=True
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("asked for"), default=timezone.now)
    expires = models.DateTimeField(_("kept until"), db_index=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)
    name = models.CharField(_("file"), max_length=255, blank=True)
    size = models.BigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("file of a charger")
        verbose_name_plural = _("files of chargers")

    def __str__(self) -> str:
        return self.name or str(_("nothing has come yet"))


class FirmwareFileQuerySet(RecordedQuerySet["FirmwareFile"]):
    """Firmware of organisations."""


class FirmwareFile(PublicModel, RecordedModel):
    """A firmware that chargers of an organisation can be told to fetch from us. ``size`` in bytes."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="firmware_files", verbose_name=_("organisation")
    )
    name = models.CharField(_("file"), max_length=200)
    version = models.CharField(_("version"), max_length=50, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    size = models.BigIntegerField(_("bytes"), default=0, editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    manners = Manners(open=frozenset({"sha256"}))
    objects = FirmwareFileQuerySet.as_manager()

    class Meta:
        ordering = ["organisation", "name"]
        verbose_name = _("firmware file")
        verbose_name_plural = _("firmware files")

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class FirmwareLink(models.Model):
    """An address under which a firmware can be fetched until it expires, as often as a charger needs to.

    ``fetched``: how often somebody has begun to. A plain row: what made it is a command.
    """

    firmware = models.ForeignKey(FirmwareFile, on_delete=models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires = models.DateTimeField(db_index=True)
    fetched = models.IntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)


class SettingsPresetQuerySet(RecordedQuerySet["SettingsPreset"]):
    """Presets of organisations."""


class SettingsPreset(PublicModel, RecordedModel):
    """How chargers of an organisation should be set: ``values`` by the names of their settings."""

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        related_name="settings_presets",
        verbose_name=_("organisation"),
    )
    name = models.CharField(_("name"), max_length=100)
    values = models.JSONField(_("settings"), default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    manners = Manners(open=frozenset({"values"}))
    objects = SettingsPresetQuerySet.as_manager()

    class Meta:
        ordering = ["organisation", "name"]
        verbose_name = _("preset of settings")
        verbose_name_plural = _("presets of settings")
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_settings_preset_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if problem := settings_problem(self.values):
            raise ValidationError({"values": problem})


def settings_problem(values: Any) -> str:
    """What is wrong with the values of a preset, "" for nothing."""
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        return str(_('Expected names and values as texts: {"HeartbeatInterval": "300"}.'))
    if len(values) > MOST_SETTINGS:
        return str(_("At most %d settings.") % MOST_SETTINGS)
    for name in values:
        if is_secret(name):
            return str(_("%s is a secret: it is set on the charger's page, not by a preset.") % name)
    return ""
