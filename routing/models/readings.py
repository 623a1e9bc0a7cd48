"""What the log says of a charger: meter values, settings, firmware (``routing.readings``)."""

from __future__ import annotations

import re
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.querysets import UnownedQuerySet
from routing.core.masking import masked
from routing.models.querysets import ChargerRowQuerySet, RecordQuerySet

CARD_IN_NAME = re.compile(r"id.?tag|id.?token|card.?(?:id|num)|rfid", re.IGNORECASE)
"""Settings whose value is a card, as FreevendIdTag."""


class Reading(models.Model):
    """What the meter of one connector said at one moment; None for what it did not say.

    ``at``: the charger's own time where that can be believed, else when the message came. 1.6 has
    ``evse_id`` 0, and connector 0 is the main meter; 2.x measures per EVSE and has ``connector_id`` 0.
    ``energy_wh`` is the import register, which only grows. Phases are those of the charger, L1 to L3.
    """

    charger = models.ForeignKey(
        "chargers.Charger", on_delete=models.CASCADE, related_name="readings", db_index=False
    )
    evse_id = models.IntegerField(default=0)
    connector_id = models.IntegerField(default=0)
    at = models.DateTimeField()
    transaction_id = models.UUIDField(null=True, blank=True)
    power_w = models.FloatField(null=True, blank=True)
    energy_wh = models.FloatField(null=True, blank=True)
    current_l1_a = models.FloatField(null=True, blank=True)
    current_l2_a = models.FloatField(null=True, blank=True)
    current_l3_a = models.FloatField(null=True, blank=True)
    voltage_l1_v = models.FloatField(null=True, blank=True)
    voltage_l2_v = models.FloatField(null=True, blank=True)
    voltage_l3_v = models.FloatField(null=True, blank=True)
    soc_percent = models.FloatField(null=True, blank=True)
    current_offered_a = models.FloatField(null=True, blank=True)
    power_offered_w = models.FloatField(null=True, blank=True)

    FIGURES: ClassVar[tuple[str, ...]] = (
        "power_w",
        "energy_wh",
        "current_l1_a",
        "current_l2_a",
        "current_l3_a",
        "voltage_l1_v",
        "voltage_l2_v",
        "voltage_l3_v",
        "soc_percent",
        "current_offered_a",
        "power_offered_w",
    )
    """The columns that are measured."""

    objects = RecordQuerySet["Reading"].as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "evse_id", "connector_id", "at"], name="one_reading_per_moment"
            )
        ]
        indexes = [
            models.Index(fields=["at"], name="reading_at"),
            models.Index(
                fields=["transaction_id", "at"], condition=~Q(transaction_id=None), name="reading_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def current_a(self) -> float | None:
        """The most that flows on any phase."""
        phases = [self.current_l1_a, self.current_l2_a, self.current_l3_a]
        return max((one for one in phases if one is not None), default=None)


class ConfigurationKey(models.Model):
    """A setting of a charger as it was last seen in an answer of the charger's.

    1.6 has a ``variable`` (the key) only, ``component`` and ``instance`` are "". ``readonly``: None where
    nobody has said. Values of secrets are never kept, nor that there are any.
    """

    charger = models.ForeignKey(
        "chargers.Charger", on_delete=models.CASCADE, related_name="configuration", db_index=False
    )
    component = models.CharField(max_length=120, blank=True, default="")
    variable = models.CharField(max_length=255)
    instance = models.CharField(max_length=255, blank=True, default="")
    value = models.TextField(blank=True)
    readonly = models.BooleanField(null=True, blank=True)
    seen_at = models.DateTimeField()

    objects = ChargerRowQuerySet["ConfigurationKey"].as_manager()

    class Meta:
        verbose_name = _("setting of a charger")
        verbose_name_plural = _("settings of chargers")
        ordering = ["charger", "component", "variable", "instance"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "component", "variable", "instance"], name="one_row_per_setting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.name}"

    @property
    def name(self) -> str:
        """As people write it: ``HeartbeatInterval``, ``OCPPCommCtrlr.HeartbeatInterval[instance]``."""
        variable = f"{self.variable}[{self.instance}]" if self.instance else self.variable
        return f"{self.component}.{variable}" if self.component else variable

    @property
    def masked_value(self) -> str:
        """The value for those who may not see cards: some chargers are set to one."""
        return masked(self.value) if self.value and CARD_IN_NAME.search(self.name) else self.value


class FirmwareEvent(models.Model):
    """Something that a charger said of its firmware, or of files that it was asked for.

    ``status`` as on the wire; of a new version that version, ``detail`` the one before.
    """

    class Kind(models.TextChoices):
        VERSION = "version", _("New version")
        FIRMWARE = "firmware", _("Firmware update")
        DIAGNOSTICS = "diagnostics", _("Diagnostics")
        LOG = "log", _("Log file")

    charger = models.ForeignKey(
        "chargers.Charger", on_delete=models.CASCADE, related_name="firmware_events", db_index=False
    )
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    status = models.CharField(max_length=64)
    detail = models.CharField(max_length=255, blank=True, default="")

    objects = RecordQuerySet["FirmwareEvent"].as_manager()

    class Meta:
        verbose_name = _("news of firmware and files")
        verbose_name_plural = _("news of firmware and files")
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["charger", "at", "kind", "status"], name="one_firmware_event")
        ]
        indexes = [models.Index(fields=["at"], name="firmware_event_at")]

    def __str__(self) -> str:
        return f"{self.charger}: {self.get_kind_display()} {self.status}"


class LogReader(models.Model):
    """How far something that follows the log has come: all before the number of an exchange is read.

    ``until``: till then a process is at it, or nobody need be; who finds it over takes it.
    """

    name = models.CharField(max_length=32, primary_key=True)
    exchange = models.BigIntegerField(default=0)
    until = models.DateTimeField(default=timezone.now)
    holder = models.CharField(max_length=64, blank=True, default="")

    objects = UnownedQuerySet["LogReader"].as_manager()

    def __str__(self) -> str:
        return self.name
