"""Backoffices: where chargers are connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Organisation
from accounts.public import PublicModel
from routing.changes import ConfigModel, ConfigQuerySet
from routing.core.snapshot import OCPP_VERSIONS
from routing.fields import EncryptedField

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


MOST_AT_ONCE = 32767
"""What a column for small numbers holds in every database."""


class BackofficeQuerySet(ConfigQuerySet["Backoffice"]):
    charger_path = "routes__charger"

    def owned_by(self, user: User, *, changing: bool) -> Q:
        """Own ones; shared ones are seen, not changed, by everybody who has an organisation."""
        own = super().owned_by(user, changing=changing)
        if changing or not user.organisations().exists():
            return own
        return own | Q(organisation=None)

    def within(self, organisation: int) -> Q:
        return super().within(organisation) | Q(organisation=None)

    def selectable_by(self, user: User | AnonymousUser) -> Self:
        return self.visible_to(user)


def validate_url(url: str) -> None:
    """Refuse what no WebSocket can be opened to, and credentials in the open. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValidationError(
            f'"{url[:100]}" is not a WebSocket address; expected ws:// or wss:// and a host', code="url"
        )
    if parts.username or parts.password:
        raise ValidationError("the address contains credentials; use username and password", code="url")


def validate_versions(versions: object) -> None:
    """Refuse anything but a list of OCPP versions. Raises ValidationError."""
    wrong = [v for v in versions if v not in OCPP_VERSIONS] if isinstance(versions, list) else [versions]
    if wrong:
        raise ValidationError(
            f'"{wrong[0]}" is not an OCPP version ({", ".join(OCPP_VERSIONS)}); expected a list of them',
            code="version",
        )


class Backoffice(PublicModel, ConfigModel):
    """A Central System (1.6) or CSMS (2.x).

    ``organisation``: None for one that all organisations share. ``url``: ``{identity}`` stands for
    the percent-encoded alias of the charger; without it ``/<alias>`` is appended.
    ``username``: None for the alias. ``password``: bytes; None for no HTTP Basic.
    ``ocpp_versions``: versions it is known to accept, empty if unknown.
    ``catch_up``: how many messages that have waited it is sent at once, of all chargers together.
    """

    name = models.CharField(max_length=100, unique=True)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="backoffices", null=True, blank=True
    )
    url = models.CharField(max_length=500, validators=[validate_url])
    username = models.CharField(max_length=255, null=True, blank=True)
    password = EncryptedField(null=True, blank=True, editable=False)
    ocpp_versions = models.JSONField(default=list, blank=True, validators=[validate_versions])
    enabled = models.BooleanField(default=True)
    catch_up = models.PositiveSmallIntegerField(
        default=20,
        db_default=20,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_ONCE)],
        help_text="Waiting messages that it is sent at once, of all chargers together.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BackofficeQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_password(self) -> bool:
        """Whether one is stored; asking does not open it."""
        return self.__dict__.get("password") is not None
