"""What people and programs have asked chargers to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.acting import Via
from accounts.deeds import Subject
from accounts.public import PublicModel
from accounts.querysets import OwnedQuerySet
from routing.fields import EncryptedField
from routing.models.querysets import RecordQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


class CommandQuerySet(RecordQuerySet["Command"]):
    """Commands; who sees the charger sees what it was asked."""

    moment = "created_at"

    def unfinished(self) -> Self:
        """Those of which it is not known yet what becomes of them."""
        return self.filter(state__in=Command.UNFINISHED)

    def finished(self) -> Self:
        """Those that have ended."""
        return self.exclude(state__in=Command.UNFINISHED)

    def in_group(self, group: object) -> Self:
        """Those that were given together."""
        return self.filter(group=group)


class SkippedQuerySet(OwnedQuerySet["Skipped"]):
    """What was not asked; only who wanted it hears of it."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.filter(user=user.pk) if user.is_authenticated and user.is_active else self.none()


class Skipped(models.Model):
    """The chargers of a bulk command that were not asked, as whoever gave it named them.

    ``reasons``: a JSON object, by the UUIDs of chargers; sealed, since a sentence may quote an argument.
    """

    group = models.UUIDField(unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    reasons = EncryptedField(editable=False)

    objects = SkippedQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.group)


class Command(PublicModel):
    """Something that a person or a program asks a charger, and what has become of it.

    ``verb``: the friendly name, "" for a raw action. ``payload``: what is sent, as people may see it;
    ``sealed``: as it is sent, encrypted, None once the command has ended. ``not_before``: when its wave is
    due. ``valid_until``: so long it waits for a charger that is away, None for not at all. ``after``: it is
    sent when that one has ended. ``claimed_by``: the process that sends it. ``deadline``: when it ends as
    ``timed_out`` in any case. ``exchange``: where the log has it. ``answer``: the charger's answer, also
    one that came ``late``.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent: the charger has not answered yet")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")
        NOT_SUPPORTED = "not_supported", _("Not supported by this charger")
        TIMED_OUT = "timed_out", _("Timed out: the charger may still do it")
        OFFLINE = "offline", _("The charger is not connected")
        FAILED = "failed", _("Failed")

    UNFINISHED = (State.QUEUED, State.SENT)

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="commands")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    actor_name = models.CharField(max_length=255, blank=True)
    via = models.CharField(max_length=16, choices=Via.choices)
    idempotency = models.CharField(max_length=512, null=True, blank=True, unique=True, editable=False)
    verb = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=64)
    ocpp_version = models.CharField(max_length=8)
    payload = models.JSONField(default=dict, blank=True)
    sealed = EncryptedField(null=True, blank=True, editable=False)
    command_class = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    words = models.CharField(max_length=255, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    answer = models.JSONField(null=True, blank=True)
    late = models.BooleanField(default=False)
    exchange = models.BigIntegerField(null=True, blank=True)
    group = models.UUIDField(null=True, blank=True, db_index=True)
    after = models.ForeignKey(
        "self", on_delete=models.SET_NULL, related_name="followers", null=True, blank=True
    )
    claimed_by = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = CommandQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["charger", "-id"], name="command_by_charger"),
            models.Index(fields=["-created_at"], name="command_by_time"),
            models.Index(fields=["finished_at"], condition=~Q(finished_at=None), name="command_by_end"),
            models.Index(
                fields=["deadline"], condition=Q(state__in=["queued", "sent"]), name="command_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.verb or self.action}"

    @property
    def is_finished(self) -> bool:
        """Whether it is known what has become of it, or that nobody will know."""
        return self.state not in self.UNFINISHED

    @property
    def sentence(self) -> str:
        """Its state for people, with the reason."""
        label = str(self.State(self.state).label)
        return f"{label} ({self.words})" if self.words and self.words.lower() not in label.lower() else label

    def subject(self) -> Subject:
        """What deeds are about: its charger."""
        whose: Subject = self.charger.subject()
        return whose
