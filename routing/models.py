"""What joins chargers and backoffices: routes, sessions of charging, the audit log, the outbox."""

from __future__ import annotations

import uuid
from typing import Self, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.querysets import OwnedQuerySet, UnownedQuerySet
from routing.changes import ConfigModel, ConfigQuerySet
from routing.core.options import RouteOptions
from routing.core.snapshot import Role
from routing.validation import option_problems, permission_problems

ModelT = TypeVar("ModelT", bound=models.Model)

ROLES = [
    (Role.BILLING.value, "Billing"),
    (Role.CONTROL.value, "Data & control"),
    (Role.ENERGY.value, "Energy manager"),
    (Role.SERVICE.value, "Service"),
    (Role.OBSERVE.value, "Observe only"),
]
"""Roles as people read them."""


def rule_errors(permissions: object, options: object) -> dict[str, list[str]]:
    """What is wrong with permissions and options, by field, for ValidationError."""
    found = {
        "permissions": [str(problem) for problem in permission_problems(permissions)],
        "options": [str(problem) for problem in option_problems(options, RouteOptions)],
    }
    return {field: problems for field, problems in found.items() if problems}


class RouteQuerySet(ConfigQuerySet["Route"]):
    owner = "charger__organisation"

    def using_identity(self, identity: str) -> Self:
        """Routes whose backoffice knows the charger by this identity."""
        return self.filter(Q(alias=identity) | Q(alias="", charger__identity=identity))


class Route(ConfigModel):
    """A charger and a backoffice joined.

    ``alias``: the charger's identity toward this backoffice, empty for its own.
    ``permissions``: changes to the role's preset, action to verdict.
    ``options``: names and values of routing.core.options.RouteOptions.
    """

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="routes")
    backoffice = models.ForeignKey("backoffices.Backoffice", on_delete=models.CASCADE, related_name="routes")
    role = models.CharField(max_length=16, choices=ROLES)
    alias = models.CharField(max_length=255, blank=True)
    enabled = models.BooleanField(default=True)
    permissions = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RouteQuerySet.as_manager()

    class Meta:
        ordering = ["charger", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "backoffice"],
                name="one_route_per_backoffice",
                violation_error_message="This charger already has a route to this backoffice.",
            ),
            models.UniqueConstraint(
                fields=["charger"],
                condition=Q(role=Role.BILLING.value, enabled=True),
                name="one_enabled_billing_route",
                violation_error_message="This charger already has an enabled billing route; "
                "switch that one off first, or choose another role.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger} to {self.backoffice}"

    def clean(self) -> None:
        errors = rule_errors(self.permissions, self.options)
        # Without its charger or backoffice the form complains about that first.
        if self.charger_id and self.backoffice_id and (taken := self.taken_alias()):
            errors["alias"] = [taken]
        if errors:
            raise ValidationError(errors)

    def taken_alias(self) -> str | None:
        """Why this route's identity toward its backoffice can't be used, None if it is free."""
        identity = self.alias or self.charger.identity
        toward = Route.objects.filter(backoffice_id=self.backoffice_id).exclude(pk=self.pk)
        other = toward.using_identity(identity).exclude(charger_id=self.charger_id).first()
        if other is None:
            return None
        return (
            f'route {self.backoffice} of {self.charger}: identity "{identity}" is already used toward '
            f"{self.backoffice} by {other.charger}; choose another alias"
        )


class DefaultRoute(models.Model):
    """A route that every adopted charger gets."""

    backoffice = models.ForeignKey(
        "backoffices.Backoffice", on_delete=models.CASCADE, related_name="default_routes"
    )
    role = models.CharField(max_length=16, choices=ROLES)
    permissions = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)

    objects = UnownedQuerySet["DefaultRoute"].as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["backoffice"],
                name="one_default_route_per_backoffice",
                violation_error_message="There is already a default route to this backoffice.",
            ),
            models.UniqueConstraint(
                fields=["role"],
                condition=Q(role=Role.BILLING.value),
                name="one_default_billing_route",
                violation_error_message="There is already a default billing route.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.backoffice} ({self.get_role_display()})"

    def clean(self) -> None:
        if errors := rule_errors(self.permissions, self.options):
            raise ValidationError(errors)


class ChargerRowQuerySet(OwnedQuerySet[ModelT]):
    """Rows with a ``charger``."""

    owner = "charger__organisation"


class Transaction(models.Model):
    """A session of charging as the charger knows it (fields as routing.core.rows.TransactionRow)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="transactions")
    ocpp_version = models.CharField(max_length=8)
    evse_id = models.IntegerField(null=True, blank=True)
    connector_id = models.IntegerField(null=True, blank=True)
    id_tag = models.CharField(max_length=255, blank=True)
    charger_transaction_id = models.CharField(max_length=36, null=True, blank=True)
    owner = models.ForeignKey(
        Route, on_delete=models.SET_NULL, related_name="owned_transactions", null=True, blank=True
    )
    started_at = models.CharField(max_length=64, blank=True)
    meter_start = models.BigIntegerField(null=True, blank=True)
    start_payload = models.TextField(blank=True)
    last_payload = models.TextField(blank=True)
    stopped_at = models.CharField(max_length=64, blank=True)
    meter_stop = models.BigIntegerField(null=True, blank=True)
    stop_reason = models.CharField(max_length=32, blank=True)
    created = models.DateTimeField(default=timezone.now)
    closed = models.DateTimeField(null=True, blank=True)

    objects = ChargerRowQuerySet["Transaction"].as_manager()

    class Meta:
        ordering = ["-created"]
        indexes = [
            models.Index(fields=["charger", "-created"], name="transaction_charger_created"),
            models.Index(fields=["charger"], condition=Q(closed=None), name="transaction_open"),
            models.Index(fields=["-created"], name="transaction_created"),
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.charger_transaction_id or 'pending'}"


class RouteTransactionQuerySet(OwnedQuerySet["RouteTransaction"]):
    owner = "route__charger__organisation"


class RouteTransaction(models.Model):
    """How one route knows a transaction."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for its number"
        KNOWN = "known", "Known"
        FAILED = "failed", "Never announced"

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="route_transactions")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="route_transactions")
    route_transaction_id = models.CharField(max_length=36, null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices)

    objects = RouteTransactionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transaction", "route"], name="one_id_per_route")]

    def __str__(self) -> str:
        return f"{self.route}: {self.route_transaction_id or self.get_state_display()}"


class Message(models.Model):
    """One CALL on one socket and what became of it: the audit log (fields as routing.core.rows.MessageRow).

    Append-only; it outlives charger and route, hence no constraints in the database.
    """

    class Direction(models.TextChoices):
        UP = "up", "Charger asks"
        DOWN = "down", "Backoffice asks"

    class Outcome(models.TextChoices):
        ANSWERED = "answered", "Answered"
        ERROR = "error", "Error"
        DENIED = "denied", "Denied"
        TIMEOUT = "timeout", "No answer in time"
        LOST = "lost", "Connection lost"
        MALFORMED = "malformed", "Malformed"
        UNSOLICITED = "unsolicited", "Answer nobody asked for"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Dropped"

    charger = models.ForeignKey(
        "chargers.Charger",
        on_delete=models.DO_NOTHING,
        related_name="messages",
        db_constraint=False,
        db_index=False,
    )
    route = models.ForeignKey(
        Route,
        on_delete=models.DO_NOTHING,
        related_name="messages",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField()
    exchange = models.BigIntegerField()
    direction = models.CharField(max_length=4, choices=Direction.choices)
    action = models.CharField(max_length=64, blank=True)
    message_id = models.CharField(max_length=64, blank=True)
    text = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    error_code = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=255, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    transaction_id = models.UUIDField(null=True, blank=True)
    connector_id = models.IntegerField(null=True, blank=True)

    objects = ChargerRowQuerySet["Message"].as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["charger", "-id"], name="message_charger"),
            models.Index(fields=["message_id"], name="message_message_id"),
            models.Index(fields=["at"], condition=~Q(outcome="answered"), name="message_not_answered"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.message_id}"


class Delivery(models.Model):
    """What a route still has to receive: the outbox. ``payload`` as the charger wrote it, unmapped."""

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="deliveries")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    seq = models.BigIntegerField()
    exchange = models.BigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    payload = models.TextField()
    transaction_id = models.UUIDField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    error = models.CharField(max_length=255, blank=True, default="")
    dead = models.BooleanField(default=False)

    objects = ChargerRowQuerySet["Delivery"].as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["route", "seq"], name="delivery_order")]
        indexes = [models.Index(fields=["at"], condition=Q(dead=True), name="delivery_dead")]

    def __str__(self) -> str:
        return f"{self.route}: {self.action}"


class LatestValue(models.Model):
    """The newest value of something of which only the newest counts (kinds: routing.core.rows.LatestRow)."""

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="latest_values")
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=255, blank=True)
    payload = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = ChargerRowQuerySet["LatestValue"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["charger", "kind", "key"], name="one_latest_value")]

    def __str__(self) -> str:
        return f"{self.charger}: {self.kind} {self.key}".rstrip()


class ChargerSession(models.Model):
    """Who owns the live session of a charger: ``runtime`` by name, fenced by ``epoch``."""

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

    objects = ChargerRowQuerySet["ChargerSession"].as_manager()

    def __str__(self) -> str:
        return f"{self.charger}: {'online' if self.online else 'offline'}"


class RouteStateQuerySet(OwnedQuerySet["RouteState"]):
    owner = "route__charger__organisation"


class RouteState(models.Model):
    """Health of one route: state of its link, since when, last error in words."""

    route = models.OneToOneField(Route, on_delete=models.CASCADE, primary_key=True, related_name="state")
    state = models.CharField(max_length=16)
    since = models.DateTimeField()
    last_error = models.CharField(max_length=255, blank=True)
    registration = models.CharField(max_length=16, blank=True)

    objects = RouteStateQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.route}: {self.state}"


class RuntimeProcess(models.Model):
    """A process that runs sessions, and when it last proved that it lives."""

    id = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()

    objects = UnownedQuerySet["RuntimeProcess"].as_manager()

    class Meta:
        verbose_name_plural = "runtime processes"

    def __str__(self) -> str:
        return self.id


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
