"""Cards that the proxy itself knows, so that it can answer for them without any backoffice."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Upper

from accounts.deeds import Subject
from accounts.models import Organisation
from accounts.telling import Manners, masked
from routing.changes import ConfigModel, ConfigQuerySet


class CardQuerySet(ConfigQuerySet["Card"]):
    charger_path = "organisation__chargers"


class Card(ConfigModel):
    """A card or token of an organisation's drivers (idTag in OCPP 1.6, idToken in 2.x).

    Compared without regard to case, as OCPP 1.6 does (edition 2, section 7.28: CiString20Type).
    ``group``: the parentIdTag or groupIdToken that goes with it. ``expires_at``: None for never.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="cards")
    id_tag = models.CharField(max_length=255)
    label = models.CharField(max_length=100, blank=True)
    group = models.CharField(max_length=36, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    blocked = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    manners = Manners(cards=frozenset({"id_tag", "group"}))
    objects = CardQuerySet.as_manager()

    class Meta:
        ordering = ["label", "id"]
        constraints = [
            models.UniqueConstraint(
                models.F("organisation"),
                Upper("id_tag"),
                name="one_card_per_id_tag",
                violation_error_message="This organisation already has a card with this number.",
            )
        ]

    def __str__(self) -> str:
        return self.label or "a card"

    def subject(self) -> Subject:
        name = f"{masked(self.id_tag)} {self.label}".strip()
        return Subject.of(self, name=name, organisation=self.organisation)
