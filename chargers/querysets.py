"""QuerySets of chargers and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.db.models.lookups import In

from accounts.querysets import OwnedQuerySet
from accounts.recording import RecordedQuerySet
from routing.changes import ConfigQuerySet

if TYPE_CHECKING:
    # ruff does not see names in quotes among a class's bases
    from accounts.models import User
    from chargers.models import Charger, Claim, Connector, RefusedAttempt  # noqa: F401


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
