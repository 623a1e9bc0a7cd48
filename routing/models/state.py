"""What the session of a charger remembers, and who runs it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.querysets import OwnedQuerySet, UnownedQuerySet
from routing.models.querysets import ChargerRowQuerySet, RecordQuerySet
from routing.models.routes import Route


class LatestValue(models.Model):
    """The newest value of something of which only the newest counts (kinds: routing.core.rows.LatestRow)."""

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="latest_values")
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=255, blank=True)
    payload = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = RecordQuerySet["LatestValue"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["charger", "kind", "key"], name="one_latest_value")]

    def __str__(self) -> str:
        return f"{self.charger}: {self.kind} {self.key}".rstrip()


class IdentifierQuerySet(RecordQuerySet["Identifier"]):
    moment = "created"


class Identifier(models.Model):
    """An identifier that one backoffice has made (fields as routing.core.rows.IdentifierRow)."""

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="identifiers")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="identifiers")
    kind = models.CharField(max_length=16)
    charger_identifier = models.CharField(max_length=64)
    route_identifier = models.CharField(max_length=64)
    created = models.DateTimeField()
    closed = models.DateTimeField(null=True, blank=True)

    objects = IdentifierQuerySet.as_manager()

    class Meta:
        ordering = ["-created"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "kind", "charger_identifier", "route"], name="one_identifier"
            )
        ]
        indexes = [models.Index(fields=["charger"], condition=Q(closed=None), name="identifier_open")]

    def __str__(self) -> str:
        return f"{self.kind} {self.route_identifier}"


class Alarm(models.Model):
    """Something a person has to look at (fields as routing.core.rows.AlarmRow)."""

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=64, blank=True)
    text = models.CharField(max_length=255)
    raised = models.DateTimeField()
    cleared = models.DateTimeField(null=True, blank=True)

    objects = ChargerRowQuerySet["Alarm"].as_manager()

    class Meta:
        ordering = ["-raised"]
        constraints = [models.UniqueConstraint(fields=["charger", "kind", "key"], name="one_alarm_per_key")]
        indexes = [models.Index(fields=["charger"], condition=Q(cleared=None), name="alarm_lasting")]

    def __str__(self) -> str:
        return f"{self.charger}: {self.kind}"


class ChargerSession(models.Model):
    """Who owns the live session of a charger: ``runtime`` by name, fenced by ``epoch``.

    ``waits_for``: what the charger waits for, in words, "" where it waits for nothing.
    """

    charger = models.OneToOneField(
        "chargers.Charger", on_delete=models.CASCADE, primary_key=True, related_name="session"
    )
    runtime = models.CharField(max_length=64, blank=True, default="")
    epoch = models.BigIntegerField(default=0)
    online = models.BooleanField(default=False)
    ocpp_version = models.CharField(max_length=8, blank=True, default="")
    remote_address = models.CharField(max_length=64, blank=True, default="")
    connected_at = models.DateTimeField(null=True, blank=True)
    disconnected_at = models.DateTimeField(null=True, blank=True)
    waits_for = models.CharField(max_length=255, blank=True, default="", db_default="")

    objects = ChargerRowQuerySet["ChargerSession"].as_manager()

    def __str__(self) -> str:
        return f"{self.charger}: {'online' if self.online else 'offline'}"


class RouteStateQuerySet(OwnedQuerySet["RouteState"]):
    owner = "route__charger__organisation"


class RouteState(models.Model):
    """Health of one route: state of its link, since when, last error in words.

    ``waiting``: deliveries that it has not got yet, the ``oldest`` said by the charger at that time.
    ``round_trip_ms``: how long its backoffice takes to answer, None before the first answer.
    """

    route = models.OneToOneField(Route, on_delete=models.CASCADE, primary_key=True, related_name="state")
    state = models.CharField(max_length=16)
    since = models.DateTimeField()
    last_error = models.CharField(max_length=255, blank=True)
    registration = models.CharField(max_length=16, blank=True)
    waiting = models.IntegerField(default=0, db_default=0)
    oldest = models.DateTimeField(null=True, blank=True)
    round_trip_ms = models.FloatField(null=True, blank=True)

    objects = RouteStateQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.route}: {self.state}"


class RuntimeProcess(models.Model):
    """A process that runs sessions, and when it last proved that it lives.

    ``report``: what it says of itself, names and numbers.
    """

    id = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()
    report = models.JSONField(default=dict, blank=True)

    objects = UnownedQuerySet["RuntimeProcess"].as_manager()

    class Meta:
        verbose_name_plural = "runtime processes"

    def __str__(self) -> str:
        return self.id


class Upkeep(models.Model):
    """What the hourly upkeep has come to with one of its steps (``routing.upkeep``).

    ``done_at``: when it last went well. ``error``: why it did not when it was last tried, "" where it did.
    ``left``: how many rows it found that it can do nothing about.
    """

    step = models.CharField(max_length=32, primary_key=True)
    tried_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True)
    left = models.IntegerField(default=0)

    objects = UnownedQuerySet["Upkeep"].as_manager()

    class Meta:
        verbose_name_plural = "upkeep"
        ordering = ["step"]

    def __str__(self) -> str:
        return self.step


class ConfigChange(models.Model):
    """Configuration of a charger (None: of all) has changed; sessions read ``id > last`` and reload.

    It outlives the charger, hence no constraint in the database.
    """

    charger = models.ForeignKey(
        "chargers.Charger",
        on_delete=models.DO_NOTHING,
        related_name="+",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(default=timezone.now)

    objects = UnownedQuerySet["ConfigChange"].as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.id}: charger {self.charger_id or 'all'}"
