"""Cards are presented: what tests of who decides about them say and ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from routing.core.options import AuthRule, ChargerOptions
from routing.core.snapshot import CardRule
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, EPOCH, World, event, start

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
DECISIONS = ("Authorize", "StartTransaction", "TransactionEvent")
CARD = "DE-ABC-1"


def rule(match: Any, value: str, backoffice: str = "energy") -> AuthRule:
    return AuthRule(match=match, value=value, backoffice=backoffice)


def says(status: str, **more: Any) -> Callable[[Backoffice, str, str, Any], None]:
    """A backoffice that gives this verdict about every card."""

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        answer = backoffice.payload_for(action)
        if action in DECISIONS:
            version = backoffice.world.version
            answer["idTagInfo" if version == "1.6" else "idTokenInfo"] = {"status": status, **more}
        backoffice.result(message_id, answer)

    return behave


def world_of(*routes: Any, version: str = "1.6", **options: Any) -> World:
    world = World(*(routes or (BILLING, ENERGY)), version=version, options=ChargerOptions(**options))
    world.boot()
    return world


def authorize(world: World, card: str = CARD, kind: str = "ISO14443", message_id: str | None = None) -> Any:
    payload: Any = {"idTag": card} if world.version == "1.6" else {"idToken": {"idToken": card, "type": kind}}
    return verdict(world.call("Authorize", payload, message_id))


def begin(world: World, card: str = CARD, connector: int = 1) -> Any:
    """Start a session; the verdict about its card."""
    if world.version == "1.6":
        return verdict(world.call("StartTransaction", start(connector, tag=card, meter=len(world.answered))))
    number = f"T-{len(world.answered)}"
    evse = {"evse": {"id": connector}}
    return verdict(world.call("TransactionEvent", event("Started", 0, number, card, **evse)))


def verdict(answer: Any) -> Any:
    """The idTagInfo or idTokenInfo in an answer, None while there is none."""
    return answer and answer[2].get("idTagInfo", answer[2].get("idTokenInfo"))


def owner(world: World) -> str | None:
    """Whose the newest session is."""
    key = list(world.database.transactions.values())[-1].owner
    return next((r.backoffice for r in world.routes if r.key == key), None)


def asked(world: World) -> list[str]:
    """Who got an Authorize."""
    return [r.backoffice for r in world.routes if world[r.backoffice].of("Authorize")]


def groups(version: str) -> dict[str, Any]:
    """A group of cards, as a backoffice writes it."""
    return {"parentIdTag": "G"} if version == "1.6" else {"groupIdToken": {"idToken": "G", "type": "Central"}}


CARDS = {
    "KNOWN": CardRule(group="G"),
    "SOON": CardRule(expires_at=EPOCH + timedelta(hours=1)),
    "GONE": CardRule(expires_at=EPOCH),
    "BAD": CardRule(blocked=True),
}
KEPT = "2026-01-02T00:00:00.000Z"


def expected(version: str, status: str, group: str = "", until: str = "") -> dict[str, Any]:
    info: dict[str, Any] = {"status": status}
    if until:
        info["expiryDate" if version == "1.6" else "cacheExpiryDateTime"] = until
    return info | (groups(version) if group else {})


def with_cards(*routes: Any, version: str = "1.6", **options: Any) -> World:
    world = World(*routes, version=version, options=ChargerOptions(**options))
    world.routes = routes
    world.cards = CARDS
    world.machine = world._machine()
    world.boot()
    return world
