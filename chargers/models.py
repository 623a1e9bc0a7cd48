"""Chargers, their connectors, and who tried to connect in vain."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from accounts.deeds import Subject
from accounts.models import Location, Organisation
from accounts.public import PublicModel
from accounts.recording import RecordedModel
from accounts.telling import Manners
from chargers.causes import LABELS, REMEDIES
from chargers.identity import BadIdentity, read_identity
from chargers.querysets import (
    ChargerQuerySet,
    ClaimQuerySet,
    ConnectorQuerySet,
    RefusedAttemptQuerySet,
    TransferQuerySet,
)
from routing.changes import ConfigModel
from routing.core.options import ChargerOptions
from routing.models.traffic import number_at
from routing.validation import option_problems

OFFERED_FOR_DAYS = 7
"""So long an offer to hand a charger over can be accepted."""


def validate_identity(identity: str) -> None:
    """Refuse what can't be the end of a charger's URL. Raises ValidationError."""
    found = read_identity(f"/ocpp/{quote(identity, safe='')}".encode())
    if isinstance(found, BadIdentity):
        raise ValidationError(found.sentence, code="identity")


def refusal_causes() -> list[tuple[str, Any]]:
    """Choices of RefusedAttempt.cause; a function, so that a new cause needs no migration."""
    return [(cause.value, gettext_lazy(label)) for cause, label in LABELS.items()]


class Charger(PublicModel, ConfigModel):
    """A charger, known by the ``identity`` at the end of its URL.

    ``password_hashes``: the accepted forms of its password (chargers/credentials.py); empty: no
    HTTP Basic is asked. ``options``: names and values of routing.core.options.ChargerOptions.
    ``adopted``: created by its own first connection. ``location``: a place of its organisation.
    ``owned_since``: when it came to its organisation from another one, whose records before that are not
    for the new one to see; ``owned_from``: the same as the number of an exchange (0: ever since).
    """

    identity = models.CharField(max_length=255, unique=True, validators=[validate_identity])
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="chargers", null=True, blank=True
    )
    location = models.ForeignKey(
        Location, on_delete=models.SET_NULL, related_name="chargers", null=True, blank=True
    )
    label = models.CharField(max_length=255, blank=True)
    enabled = models.BooleanField(default=True)
    password_hashes = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    adopted = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    owned_since = models.DateTimeField(null=True, blank=True, editable=False)
    owned_from = models.BigIntegerField(default=0, db_default=0, editable=False)

    deeds_by = "charger_id"
    manners = Manners(
        untold=frozenset({"owned_since", "owned_from"}), cards=frozenset({"free_id_tag", "value"})
    )  # "value" is that of auth_rules
    objects = ChargerQuerySet.as_manager()

    class Meta:
        ordering = ["identity"]

    def __str__(self) -> str:
        return self.identity

    def subject(self) -> Subject:
        return Subject.of(self, organisation=self.organisation, charger=(self.pk, self.identity))

    def clean(self) -> None:
        problems = [str(problem) for problem in option_problems(self.options, ChargerOptions)]
        errors = {"options": problems} if problems else {}
        if self.pk and (taken := self._taken_identities()):
            errors["identity"] = taken
        if self.location and self.location.organisation_id != self.organisation_id:
            errors["location"] = [
                gettext('"%(place)s" is not a place of the organisation of this charger.')
                % {"place": self.location}
            ]
        if errors:
            raise ValidationError(errors)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """What was recorded for one organisation does not go to another one with the charger."""
        fields = kwargs.get("update_fields")
        if not self._leaves(fields):
            return super().save(*args, **kwargs)
        self.owned_since = timezone.now()
        self.owned_from = number_at(self.owned_since)
        if self.location and self.location.organisation_id != self.organisation_id:
            self.location = None
        if fields is not None:
            kwargs["update_fields"] = {*fields, "owned_since", "owned_from", "location"}
        with transaction.atomic():
            super().save(*args, **kwargs)
            self._end_codes()
        return None

    def _leaves(self, fields: Collection[str] | None) -> bool:
        """Whether saving these fields (None: all) takes it out of an organisation."""
        if not self.pk or (fields is not None and "organisation" not in fields):
            return False
        before = Charger.objects.filter(pk=self.pk).values_list("organisation_id", flat=True).first()
        return before is not None and before != self.organisation_id

    def _end_codes(self) -> None:
        """Codes that the side it leaves has given out do not take it away from the new one."""
        Claim.objects.filter(charger=self).delete()
        Transfer.objects.open().filter(charger=self).update(revoked_at=timezone.now())

    def _taken_identities(self) -> list[str]:
        routes = list(self.routes.filter(alias="").select_related("backoffice"))
        for route in routes:
            route.charger = self  # as renamed, not as stored
        return [taken for route in routes if (taken := route.taken_alias())]

    def chargers(self) -> set[int]:
        return set() if self.pk is None else {self.pk}


def _in_a_week() -> datetime:
    return timezone.now() + timedelta(days=OFFERED_FOR_DAYS)


class Transfer(RecordedModel):
    """An offer to hand a charger over to another organisation, which has to accept it.

    ``code_hash``: of the code with which somebody there accepts, once. ``email``: whose code it is alone;
    "" for whoever is given it. Belongs to the giving side (``from_organisation``).
    """

    charger = models.ForeignKey(Charger, on_delete=models.CASCADE, related_name="transfers")
    from_organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    to_organisation = models.ForeignKey(
        Organisation, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    email = models.EmailField(blank=True)
    code_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(default=_in_a_week)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    manners = Manners(untold=frozenset({"email", "code_hash"}))
    told_with = ("charger", "from_organisation")
    objects = TransferQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"of {self.charger}"

    def subject(self) -> Subject:
        """Of the giving side, whoever has the charger now."""
        return Subject.of(
            self, organisation=self.from_organisation, charger=(self.charger_id, self.charger.identity)
        )


class Connector(models.Model):
    """State of one connector as last reported. 1.6 has evse_id 0; connector 0 is the whole charger."""

    charger = models.ForeignKey(Charger, on_delete=models.CASCADE, related_name="connectors")
    evse_id = models.IntegerField(default=0)
    connector_id = models.IntegerField()
    status = models.CharField(max_length=32)
    error_code = models.CharField(max_length=50, blank=True)
    updated_at = models.DateTimeField()

    objects = ConnectorQuerySet.as_manager()

    class Meta:
        ordering = ["charger", "evse_id", "connector_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "evse_id", "connector_id"], name="one_row_per_connector"
            )
        ]

    def __str__(self) -> str:
        evse = f"{self.evse_id}/" if self.evse_id else ""
        return f"{self.charger} {evse}{self.connector_id}: {self.status}"


class Claim(RecordedModel):
    """Whoever knows the code takes the charger into their organisation, once (onboarding/claims.py)."""

    charger = models.OneToOneField(Charger, on_delete=models.CASCADE, related_name="claim")
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    told_with = ("charger__organisation",)
    objects = ClaimQuerySet.as_manager()

    def __str__(self) -> str:
        return f"claim code of {self.charger}"


class RefusedAttempt(models.Model):
    """Somebody who tried to connect and was refused; repeated attempts are counted in one row."""

    identity = models.CharField(max_length=255)
    remote_address = models.CharField(max_length=64, blank=True)
    cause = models.CharField(max_length=32, choices=refusal_causes)
    detail = models.TextField(blank=True)
    offered_subprotocols = models.CharField(max_length=255, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    objects = RefusedAttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "remote_address", "cause"], name="one_row_per_refusal"
            )
        ]

    def __str__(self) -> str:
        return f"{self.identity}: {self.get_cause_display()}"

    @property
    def remedy(self) -> str:
        """What helps, in words; "" for a cause that is no longer known."""
        return next((gettext(remedy) for cause, remedy in REMEDIES.items() if cause.value == self.cause), "")
