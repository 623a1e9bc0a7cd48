"""QuerySets of chargers and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.utils import timezone

from accounts.querysets import OwnedQuerySet
from accounts.recording import RecordedQuerySet
from routing.changes import ConfigQuerySet
from routing.commands.classes import RIGHTS, CommandClass

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

    # ruff does not see names in quotes among a class's bases
    from chargers.models import Charger, Claim, Connector, RefusedAttempt, Transfer  # noqa: F401


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


class ClaimQuerySet(RecordedQuerySet["Claim"]):
    owner = "charger__organisation"


class RefusedAttemptQuerySet(OwnedQuerySet["RefusedAttempt"]):
    """Attempts belong to nobody, most name an identity that no charger has; those in the name of a charger
    are shown to whoever may see it, upper and lower case aside."""

    owner = ""

    def owned_by(self, user: User, *, changing: bool) -> Q:
        chargers: Any = apps.get_model("chargers", "Charger")._default_manager.all()
        theirs = chargers.changeable_by(user) if changing else chargers.visible_to(user)
        names = theirs.order_by().annotate(lower_identity=Lower("identity")).values("lower_identity")
        return Q(In(Lower(F("identity")), names))


class TransferQuerySet(RecordedQuerySet["Transfer"]):
    """Offers of the giving side."""

    owner = "from_organisation"

    def open(self) -> Self:
        """Offers that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires__gt=timezone.now())
