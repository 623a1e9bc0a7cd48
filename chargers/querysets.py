"""QuerySets of chargers and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.utils import timezone

from accounts.querysets import OwnedQuerySet, UnownedQuerySet
from accounts.recording import RecordedQuerySet
from routing.changes import ConfigQuerySet

if TYPE_CHECKING:
    # ruff does not see names in quotes among a class's bases
    from chargers.models import Charger, Connector, RefusedAttempt, Transfer  # noqa: F401


class ChargerQuerySet(ConfigQuerySet["Charger"]):
    charger_path = "pk"

    def enabled(self) -> Self:
        """Chargers that may connect."""
        return self.filter(enabled=True)

    def online(self) -> Self:
        """Chargers whose socket is open now, as their session says."""
        return self.filter(session__online=True)


class ConnectorQuerySet(OwnedQuerySet["Connector"]):
    owner = "charger__organisation"


class RefusedAttemptQuerySet(UnownedQuerySet["RefusedAttempt"]):
    """Attempts belong to nobody: most name an identity that no charger has."""


class TransferQuerySet(RecordedQuerySet["Transfer"]):
    """Offers of the giving side."""

    owner = "from_organisation"

    def open(self) -> Self:
        """Offers that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires__gt=timezone.now())
