"""A session that its owner refuses late is stopped, whatever the charger does meanwhile: 3.1.4."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.options import ChargerOptions
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import World, event, start, stop

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
STOPS = ("RemoteStopTransaction", "RequestStopTransaction")


def refuses(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    answer = backoffice.payload_for(action)
    if action in ("StartTransaction", "TransactionEvent"):
        member = "idTagInfo" if backoffice.world.version == "1.6" else "idTokenInfo"
        answer[member] = {"status": "Blocked"}
    backoffice.result(message_id, answer)


def started(version: str) -> World:
    """A session that began while Billing was away, which will refuse it."""
    world = World(version=version, options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world["billing"].behave = refuses
    world["billing"].lose()
    if version == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0, card="CARD"))
    return world


def stops(world: World) -> int:
    return len([frame for frame in world.commands if frame[2] in STOPS])


def refused_while_away(version: str) -> World:
    """The refusal comes while the charger is away."""
    world = started(version)
    world.disconnect()
    world["billing"].open()
    assert stops(world) == 0
    return world


@VERSIONS
@pytest.mark.parametrize("moment", ["back", "restart"])
def test_a_charger_that_was_away_is_told_when_it_is_back(version: str, moment: str) -> None:
    world = refused_while_away(version)
    if moment == "restart":
        world.restart()
    world.connect()
    assert stops(world) == 0
    world.wait(10)
    assert stops(world) == 1
    world.connect()
    world.wait(10)
    assert stops(world) == 1


@VERSIONS
def test_a_charger_that_does_not_answer_is_told_again(version: str) -> None:
    world = started(version)
    world.obey = None
    world["billing"].open()
    assert stops(world) == 1
    world.disconnect()
    world.connect()
    world.wait(10)
    assert stops(world) == 2


@VERSIONS
def test_a_charger_that_refuses_is_told_once(version: str) -> None:
    world = started(version)
    world.obey = lambda w, frame: w.frame(f'[4,"{frame[1]}","InternalError","",{{}}]')
    world["billing"].open()
    world.connect()
    world.wait(10)
    assert stops(world) == 1


@VERSIONS
def test_a_session_that_is_over_is_not_stopped(version: str) -> None:
    world = refused_while_away(version)
    world.connect()
    if version == "1.6":
        number = next(iter(world.database.transactions.values())).charger_transaction_id
        world.call("StopTransaction", stop(int(number or 0)))
    else:
        world.call("TransactionEvent", event("Ended", 1))
    world.wait(10)
    assert stops(world) == 0
    assert [row.payload for row in world.database.latest.values() if row.kind == "late_reject"] == [""]


def test_what_is_remembered_of_a_session_long_forgotten_goes() -> None:
    world = refused_while_away("1.6")
    world.database.transactions.clear()
    world.database.route_transactions.clear()
    world.restart()
    world.connect()
    world.wait(10)
    assert stops(world) == 0
    assert [row.payload for row in world.database.latest.values() if row.kind == "late_reject"] == [""]
