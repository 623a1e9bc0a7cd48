"""What passes: sessions of charging, the audit log, the outbox."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from routing.models.querysets import ChargerRowQuerySet, RecordQuerySet
from routing.models.routes import Route

if TYPE_CHECKING:
    from accounts.models import User

WELL = ("answered", "sent", "withheld")
"""Outcomes of a message that went as it should."""

NOT_WELL = ~Q(outcome__in=WELL)
"""The others: errors, refusals, no answer. Such exchanges are kept longer."""


def number_at(moment: datetime) -> int:
    """The number that an exchange has which begins at this moment: microseconds since 1970."""
    return int(moment.timestamp() * 1_000_000)


class TransactionQuerySet(RecordQuerySet["Transaction"]):
    moment = "created"


class MessageQuerySet(RecordQuerySet["Message"]):
    """Bounded by the number of the exchange, by which the log is read."""

    def owned_by(self, user: User, *, changing: bool) -> Q:
        owned = ChargerRowQuerySet.owned_by(self, user, changing=changing)
        return owned & Q(exchange__gte=F("charger__owned_from"))


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

    objects = TransactionQuerySet.as_manager()

    class Meta:
        ordering = ["-created"]
        indexes = [
            models.Index(fields=["charger", "-created"], name="transaction_charger_created"),
            models.Index(fields=["charger"], condition=Q(closed=None), name="transaction_open"),
            models.Index(fields=["-created"], name="transaction_created"),
            models.Index(fields=["closed"], condition=~Q(closed=None), name="transaction_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.charger_transaction_id or 'pending'}"


class RouteTransactionQuerySet(RecordQuerySet["RouteTransaction"]):
    owner = "route__charger__organisation"
    charger = "route__charger"
    moment = "transaction__created"


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

    Append-only; it outlives charger and route, hence no constraints in the database. On PostgreSQL a
    partitioned table, by ``exchange``, a day each: all rows of an exchange are together
    (``routing.partitions``). There ``id`` has no index: rows are looked for by charger and exchange.
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
        WITHHELD = "withheld", "Not for this backoffice"

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
    size = models.IntegerField(default=0, db_default=0)
    id_tag = models.CharField(max_length=255, blank=True, default="", db_default="")

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-exchange", "-id"]
        indexes = [
            models.Index(fields=["charger", "exchange"], name="message_of_charger"),
            models.Index(fields=["exchange"], name="message_exchange"),
            models.Index(fields=["message_id"], name="message_message_id"),
            models.Index(fields=["exchange", "at"], condition=NOT_WELL, name="message_not_well"),
            models.Index(fields=["id_tag", "exchange"], condition=~Q(id_tag=""), name="message_card"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.message_id}"


class Delivery(models.Model):
    """What a route still has to receive: the outbox (fields as routing.core.rows.DeliveryRow).

    ``dead``: given up at ``died_at``, a dead letter; a person decides what becomes of it.
    """

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="deliveries")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    seq = models.BigIntegerField()
    exchange = models.BigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    payload = models.TextField()
    edited = models.BooleanField(default=False)
    transaction_id = models.UUIDField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    error = models.CharField(max_length=255, blank=True, default="")
    dead = models.BooleanField(default=False)
    died_at = models.DateTimeField(null=True, blank=True)

    objects = RecordQuerySet["Delivery"].as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["route", "seq"], name="delivery_order")]
        indexes = [models.Index(fields=["at"], condition=Q(dead=True), name="delivery_dead")]

    def __str__(self) -> str:
        return f"{self.route}: {self.action}"
