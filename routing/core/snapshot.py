"""What a session knows of its charger's configuration: immutable, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from routing.core.options import ChargerOptions, RouteOptions

OCPP_VERSIONS = ("1.6", "2.0.1", "2.1")
"""The versions the proxy speaks, as written everywhere inside; the subprotocol is ``"ocpp" + version``."""


class Role(StrEnum):
    """What a backoffice is to a charger; each is a preset of permissions (ocpp-semantics 2.1)."""

    BILLING = "billing"
    CONTROL = "control"
    ENERGY = "energy"
    SERVICE = "service"
    OBSERVE = "observe"


class Verdict(StrEnum):
    """What becomes of a CALL that a backoffice sends toward the charger."""

    ALLOW = "allow"
    DENY = "deny"
    OWN = "own"
    GUARD = "guard"


class RouteSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One enabled route of a charger.

    ``key`` is the primary key of the Route row; ``alias`` the charger's identity toward this
    backoffice; ``permissions`` the route's own changes to its preset, and ``preset`` those of the
    organisation's preset to the role's, by action (or action and qualifier, routing.core.policy);
    ``preset_name`` is how people know that one.
    ``catch_up``: how many messages that have waited its backoffice is sent at once, of all chargers.
    ``override_until``: until when this backoffice may change how the charger connects, None for not.
    ``alias_key`` is the secret with which card tags are replaced under ``foreign_tx: alias``.
    ``newest``: the highest ``seq`` of its deliveries in the database, 0 for none.
    """

    key: int
    backoffice: str
    role: Role
    alias: str
    permissions: Mapping[str, Verdict] = {}
    preset: Mapping[str, Verdict] = {}
    preset_name: str = ""
    catch_up: int = 20
    override_until: datetime | None = None
    options: RouteOptions = RouteOptions()
    alias_key: bytes = b""
    newest: int = 0


class CardRule(msgspec.Struct, frozen=True, gc=False):
    """A card that the proxy knows itself. ``group``: its parentIdTag or groupIdToken, "" for none."""

    blocked: bool = False
    expires_at: datetime | None = None
    group: str = ""


class ChargerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A charger with its enabled routes. ``key`` is the primary key of the Charger row.

    ``cards`` are those of its organisation, by their number in capitals; one mapping for all its chargers.
    """

    key: int
    identity: str
    options: ChargerOptions = ChargerOptions()
    routes: tuple[RouteSnapshot, ...] = ()
    cards: Mapping[str, CardRule] = {}

    @property
    def billing(self) -> RouteSnapshot | None:
        """The route that answers and owns transactions, or None where the proxy itself answers."""
        return next((r for r in self.routes if r.role is Role.BILLING), None)

    def route(self, key: int) -> RouteSnapshot | None:
        """The route with this key, or None when it is not enabled any more."""
        return next((r for r in self.routes if r.key == key), None)
