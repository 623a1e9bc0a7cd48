"""Backoffices: where chargers are connected to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from accounts.public import PublicModel
from accounts.querysets import OwnedQuerySet
from accounts.recording import RecordedModel, RecordedQuerySet
from routing.changes import ConfigModel, ConfigQuerySet
from routing.core.snapshot import OCPP_VERSIONS
from routing.fields import EncryptedField

if TYPE_CHECKING:
    from accounts.models import User


MOST_AT_ONCE = 32767
"""What a column for small numbers holds in every database."""


class BackofficeQuerySet(ConfigQuerySet["Backoffice"]):
    is_shared = True
    charger_path = "routes__charger"


PLACEHOLDER = re.compile(r"\{[^{}]*\}")
"""What stands in an address of the catalogue for something that a person has to fill in."""


def validate_url(url: str) -> None:
    """Refuse what no WebSocket can be opened to, and credentials in the open. Raises ValidationError."""
    validate_template(url)
    if left := [name for name in PLACEHOLDER.findall(url) if name != "{identity}"]:
        raise ValidationError(
            _("replace %(what)s by what the backoffice gave you") % {"what": left[0][:50]}, code="url"
        )


def validate_template(url: str) -> None:
    """The same for an address in which things are left to be filled in, like ``{host}``."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValidationError(
            _('"%(url)s" is not a WebSocket address; expected ws:// or wss:// and a host')
            % {"url": url[:100]},
            code="url",
        )
    if parts.username or parts.password:
        raise ValidationError(_("the address contains credentials; use username and password"), code="url")


def validate_versions(versions: object) -> None:
    """Refuse anything but a list of OCPP versions. Raises ValidationError."""
    wrong = [v for v in versions if v not in OCPP_VERSIONS] if isinstance(versions, list) else [versions]
    if wrong:
        raise ValidationError(
            _('"%(version)s" is not an OCPP version (%(known)s); expected a list of them')
            % {"version": wrong[0], "known": ", ".join(OCPP_VERSIONS)},
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

    def is_used_beside(self, user: User) -> bool:
        """Whether routes hang on it that ``user`` may not change: they would go with it."""
        theirs = self.routes.all()
        return theirs.exclude(pk__in=theirs.changeable_by(user).values("pk")).exists()


class CatalogueQuerySet(RecordedQuerySet["CatalogueEntry"]):
    """Operators that an organisation has added, and those of the repository's list, which all share."""

    is_shared = True


class CatalogueEntry(RecordedModel):
    """A backoffice as its operator describes it: what a new one is filled in with.

    ``organisation``: None for one that all organisations share. ``key``: its name in the repository's list
    (``backoffices/catalogue.yaml``), None for what people have added. ``url_template``: as a backoffice's
    address; what is in braces, but ``{identity}``, is to be filled in.
    """

    class Credentials(models.TextChoices):
        NONE = "none", _("None")
        IDENTITY = "identity", _("Password; the user is the identity")
        USER = "user", _("User name and password")

    name = models.CharField(max_length=100)
    key = models.SlugField(max_length=50, unique=True, null=True, blank=True, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="catalogue_entries", null=True, blank=True
    )
    url_template = models.CharField(
        _("address"),
        max_length=500,
        validators=[validate_template],
        help_text=_("In braces is what is filled in: {identity} by the proxy, all else by you."),
    )
    login = models.CharField(
        _("credentials"), max_length=16, choices=Credentials.choices, default=Credentials.IDENTITY
    )
    ocpp_versions = models.JSONField(default=list, blank=True, validators=[validate_versions])
    notes = models.TextField(blank=True, help_text=_("What has to be filled in, and where to find it."))
    documentation = models.CharField(blank=True, max_length=500, validators=[URLValidator(["https", "http"])])

    objects = CatalogueQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("known operator")
        verbose_name_plural = _("known operators")
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"],
                name="one_catalogue_entry_per_name",
                violation_error_message=_("Your organisation has an entry of this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class BackofficeSampleQuerySet(OwnedQuerySet["BackofficeSample"]):
    owner = "organisation"


class BackofficeSample(models.Model):
    """How a backoffice was in one minute, over the routes of the chargers of one organisation.

    ``at``: the minute. ``routes``: those in use of chargers that were there, ``up`` of them connected.
    ``waiting``: messages that waited, over all routes. ``round_trip_ms``: the mean of the routes that were
    connected, None where nothing was known. It outlives backoffice and organisation for two days, hence no
    constraints in the database: nobody who deletes one wants to read a list of its samples.
    """

    backoffice = models.ForeignKey(
        Backoffice, on_delete=models.DO_NOTHING, related_name="samples", db_constraint=False, db_index=False
    )
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.DO_NOTHING,
        related_name="backoffice_samples",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(db_index=True)
    routes = models.IntegerField()
    up = models.IntegerField()
    waiting = models.IntegerField()
    round_trip_ms = models.FloatField(null=True, blank=True)

    objects = BackofficeSampleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["backoffice", "organisation", "at"], name="one_sample_a_minute"),
            models.UniqueConstraint(
                fields=["backoffice", "at"],
                condition=Q(organisation=None),
                name="one_sample_a_minute_unowned",
            ),
        ]

    def __str__(self) -> str:
        return f"backoffice {self.backoffice_id} at {self.at:%Y-%m-%d %H:%M}"
