"""Tokens of the API: whose they are, what they may, and where they are accepted from."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken, get_digest_token
from knox.settings import CONSTANTS

from accounts.deeds import did
from accounts.public import PublicModel
from accounts.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from accounts.models import Organisation, User

SCOPES: dict[str, Any] = {
    "chargers:read": _("See chargers, connectors, their configuration and readings"),
    "chargers:write": _("Add, change and remove chargers, renew their passwords"),
    "backoffices:read": _("See backoffices and how they are"),
    "backoffices:write": _("Add, change, test and remove backoffices"),
    "routes:read": _("See routes and presets"),
    "routes:write": _("Add, change, switch and remove routes and presets"),
    "messages:read": _("Read the log of messages and events"),
    "messages:sensitive": _("See cards in full, where the person may"),
    "transactions:read": _("Read sessions and meter values"),
    "commands:read": _("See commands and what became of them"),
    "commands:energy": _("Start, stop, pause, limit, read the meter"),
    "commands:maintenance": _("Reset, unlock, configuration, diagnostics, firmware"),
    "commands:dangerous": _("What can take a charger out of service"),
    "members:read": _("See who belongs to an organisation, and as what"),
    "members:write": _("Change what members are, and until when"),
    "webhooks:read": _("See webhooks and their deliveries"),
    "webhooks:write": _("Add, change, test and remove webhooks"),
}
"""What a token may; whoever owns it may no less."""


def validate_scopes(scopes: object) -> None:
    """Raises ValidationError for anything but a list of SCOPES."""
    wrong = [one for one in scopes if one not in SCOPES] if isinstance(scopes, list) else [scopes]
    if wrong:
        raise ValidationError(f'"{wrong[0]}" is not a scope; expected some of {", ".join(SCOPES)}')


def validate_networks(networks: object) -> None:
    """Raises ValidationError for anything but a list of networks such as 192.0.2.0/24."""
    if not isinstance(networks, list):
        raise ValidationError("expected a list of networks, such as 192.0.2.0/24")
    for network in networks:
        try:
            ip_network(str(network))
        except ValueError as error:
            raise ValidationError(f'"{str(network)[:60]}" is not a network: {error}') from error


if TYPE_CHECKING:

    class _Token(models.Model):
        """What knox stores, as the type checker sees it."""

        digest = models.CharField(max_length=128, primary_key=True)
        token_key = models.CharField(max_length=25, db_index=True)
        user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="auth_token_set")
        created = models.DateTimeField(auto_now_add=True)
        expiry = models.DateTimeField(null=True, blank=True)

        class Meta:
            abstract = True
else:
    _Token = AbstractAuthToken


class ApiTokenQuerySet(OwnedQuerySet["ApiToken"]):
    """A token is its owner's own; superusers see all, never the token itself."""

    def owned_by(self, user: User, *, changing: bool) -> Q:
        return Q(user=user)


class ApiToken(PublicModel, _Token):
    """A hashed token. ``organisation``: it sees that one's rows only, None all that its user sees.

    ``scopes``: names of SCOPES; what a request may is scope and role of the user together.
    ``allowed_networks``: where it is accepted from, empty for anywhere. ``last_used_at``: to a minute.
    """

    name = models.CharField(max_length=100)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.CASCADE, related_name="api_tokens", null=True, blank=True
    )
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    allowed_networks = models.JSONField(default=list, blank=True, validators=[validate_networks])
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["name", "created"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    def accepts(self, address: str) -> bool:
        """Whether a request may come from this address."""
        if not self.allowed_networks:
            return True
        try:
            here = ip_address(address)
        except ValueError:
            return False
        here = getattr(here, "ipv4_mapped", None) or here  # how a server on :: sees IPv4
        return any(here in ip_network(network) for network in self.allowed_networks)


def issue(
    user: User,
    name: str,
    scopes: list[str],
    *,
    organisation: Organisation | None = None,
    expiry: timedelta | None = None,
    allowed_networks: list[str] | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its text, which is told this once. Raises ValidationError."""
    validate_scopes(scopes)
    validate_networks(allowed_networks or [])
    digest, text = get_digest_token()
    with transaction.atomic():
        token = ApiToken.objects.create(
            digest=digest, token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH], user=user, name=name, scopes=scopes,
            organisation=organisation, allowed_networks=allowed_networks or [],
            expiry=timezone.now() + expiry if expiry else None,
        )  # fmt: skip
        did(user, f'Made the API token "{name}" with {", ".join(scopes) or "no scope"}.', actor=user)
    return token, text


def revoke(token: ApiToken, *, by: User) -> None:
    """It is refused from now on."""
    with transaction.atomic():
        did(token.user, f'Revoked the API token "{token.name}".', actor=by)
        token.delete()
