"""What happens, for programs: events, who is told of them, and what became of that."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.deeds import Subject
from accounts.models import Organisation
from accounts.public import PublicModel
from accounts.querysets import OwnedQuerySet, UnownedQuerySet
from accounts.recording import RecordedModel, RecordedQuerySet
from accounts.telling import Manners
from routing.fields import EncryptedField
from routing.webhooks.kinds import KINDS, TEST


def event_types() -> list[tuple[str, str]]:
    """Choices of Event.type; a function, so that a new type needs no migration."""
    return [(name, name) for name in KINDS]


class EventQuerySet(OwnedQuerySet["Event"]):
    """Events stay with the organisation that had the charger when it happened."""


class Event(PublicModel):
    """Something that has happened. ``uuid``: the id that programs know it by.

    ``at``: when. ``key``: what it was made of; nothing is told twice. ``data``: what programs get, without
    secrets, cards masked. It outlives its charger. ``organisation``: None for chargers of nobody.
    """

    type = models.CharField(max_length=32, choices=event_types)
    at = models.DateTimeField(db_index=True)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="events", null=True, blank=True, db_index=False
    )
    charger = models.ForeignKey(
        "chargers.Charger", on_delete=models.SET_NULL, related_name="events", null=True, blank=True
    )
    key = models.CharField(max_length=160, unique=True)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="event_of_organisation")]

    def __str__(self) -> str:
        return f"{self.type} {self.uuid}"


class EventMark(models.Model):
    """The last state of something, of which an event is made when it changes.

    It goes with the charger or backoffice that it is of.
    """

    subject = models.CharField(max_length=64, primary_key=True)
    value = models.CharField(max_length=128)
    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="+", null=True)
    backoffice = models.ForeignKey(
        "backoffices.Backoffice", on_delete=models.CASCADE, related_name="+", null=True
    )

    objects = UnownedQuerySet["EventMark"].as_manager()

    def __str__(self) -> str:
        return f"{self.subject}: {self.value}"


def validate_events(events: object) -> None:
    """Raises ValidationError for anything but a list of types of events."""
    wrong = [one for one in events if one not in KINDS] if isinstance(events, list) else [events]
    if wrong:
        raise ValidationError(
            f'"{str(wrong[0])[:60]}" is not a type of event; expected some of {", ".join(KINDS)}'
        )


def validate_address(url: str) -> None:
    """Refuse what cannot be posted to, and credentials in the open. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise ValidationError(
            _('"%(url)s" is not a web address; expected https:// and a host, without spaces')
            % {"url": url[:100]},
            code="url",
        )
    if parts.username or parts.password:
        raise ValidationError(_("the address contains credentials; the signature says who it is from"))
    if parts.scheme == "http" and not settings.PROXY_ALLOW_PRIVATE_UPSTREAMS:
        raise ValidationError(_("expected https://: this installation sends nothing unencrypted"), code="url")


class WebhookQuerySet(RecordedQuerySet["Webhook"]):
    """Webhooks of organisations; those of the whole installation are superusers'."""


class Webhook(PublicModel, RecordedModel):
    """An address that is told of events.

    ``organisation``: None for events of the whole installation. ``events``: types, all where it is empty.
    ``charger``: of this one only. ``secret``: ``whsec_...``; ``previous_secret`` signs, too, until
    ``previous_until``. ``failing_since``: since when nothing arrives, ``failures`` tries in a row.
    ``busy_until``: till then ``holder`` is sending, or it rests; ``took_ms``: of its last try.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="webhooks", null=True, blank=True
    )
    label = models.CharField(max_length=100, blank=True)
    url = models.CharField(_("address"), max_length=500, validators=[validate_address])
    events = models.JSONField(default=list, blank=True, validators=[validate_events])
    charger = models.ForeignKey(
        "chargers.Charger", on_delete=models.CASCADE, related_name="webhooks", null=True, blank=True
    )
    enabled = models.BooleanField(default=True)
    secret = EncryptedField(editable=False)
    previous_secret = EncryptedField(null=True, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_reason = models.CharField(max_length=255, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.IntegerField(default=0, editable=False)
    busy_until = models.DateTimeField(default=timezone.now, editable=False)
    holder = models.CharField(max_length=64, blank=True, default="", editable=False)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    took_ms = models.FloatField(null=True, blank=True, editable=False)

    STATE: ClassVar[tuple[str, ...]] = (
        "failing_since",
        "failures",
        "busy_until",
        "holder",
        "tried_at",
        "took_ms",
    )
    """What the sending writes."""

    AFRESH: ClassVar[dict[str, Any]] = {"failing_since": None, "failures": 0, "disabled_reason": ""}
    """What it is set to when it is switched on: what failed before counts no more."""

    manners = Manners(untold=frozenset({*STATE, "previous_until"}))
    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["label", "id"]

    def __str__(self) -> str:
        return self.label or self.host

    @property
    def host(self) -> str:
        """What of the address everybody may see: paths of some services are secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname or ''}"

    def clean(self) -> None:
        foreign = self.charger is not None and self.organisation_id not in (
            None,
            self.charger.organisation_id,
        )
        if foreign:
            raise ValidationError({"charger": [_("This charger belongs to another organisation.")]})
        if self.enabled:
            self.disabled_reason = ""

    def subject(self) -> Subject:
        """Of its own organisation, whosever the charger is."""
        return Subject.of(self, organisation=self.organisation)

    def wants(self, type_: str) -> bool:
        """Whether it gets events of this type; tests are given to one webhook by itself."""
        return not self.events or type_ in self.events


class WebhookDeliveryQuerySet(OwnedQuerySet["WebhookDelivery"]):
    owner = "webhook__organisation"

    def due(self) -> Self:
        """Those that are to be tried now. A test is sent where all else is switched off, too."""
        goes = Q(webhook__enabled=True) | Q(event__type=TEST)
        return self.filter(goes, state__in=WebhookDelivery.OPEN, next_at__lte=timezone.now())


class WebhookDelivery(PublicModel):
    """An event on its way to a webhook. ``attempts``: tries that were begun; ``next_at``: when the next is.

    ``status_code``, ``error``, ``response``, ``took_ms``: of the last try.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed: it is tried again")
        GIVEN_UP = "given_up", _("Given up")

    OPEN = (State.PENDING, State.FAILED)

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True, blank=True)
    status_code = models.IntegerField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True)
    response = models.CharField(max_length=200, blank=True)
    took_ms = models.FloatField(null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "event"], name="one_delivery_per_event")]
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
            models.Index(
                fields=["webhook", "next_at"],
                condition=Q(state__in=["pending", "failed"]),
                name="webhook_delivery_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event.type} to {self.webhook}"
