"""QuerySets of chargers and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from accounts.querysets import OwnedQuerySet, UnownedQuerySet
from routing.changes import ConfigQuerySet
from routing.commands.classes import RIGHTS, CommandClass

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

    # ruff does not see names in quotes among a class's bases
    from chargers.models import Charger, Connector, RefusedAttempt  # noqa: F401


class ChargerQuerySet(ConfigQuerySet["Charger"]):
    charger_path = "pk"

    def enabled(self) -> Self:
        """Chargers that may connect."""
        return self.filter(enabled=True)

    def online(self) -> Self:
        """Chargers whose socket is open now, as their session says."""
        return self.filter(session__online=True)

    def commandable_by(self, user: User | AnonymousUser, command_class: CommandClass) -> Self:
        """Chargers to which the user may give commands of a class."""
        rows = self.changeable_by(user)
        if not user.is_authenticated or user.is_superuser:
            return rows
        members = user.organisations(changing=True).filter(role__in=RIGHTS[command_class])
        return rows.filter(organisation__in=members)


class ConnectorQuerySet(OwnedQuerySet["Connector"]):
    owner = "charger__organisation"


class RefusedAttemptQuerySet(UnownedQuerySet["RefusedAttempt"]):
    """Attempts belong to nobody: most name an identity that no charger has."""
