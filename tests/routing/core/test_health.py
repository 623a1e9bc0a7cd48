"""How a charger and its routes are: what waits, since when, for whom, and how long answers take."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.rows import ChargerHealthRow, LinkState, RouteHealthRow
from tests.routing.core.harness import BOOT, EPOCH, World

START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


def look(world: World) -> list[Any]:
    """One look, its rows stored."""
    rows = world.machine.health(*world.time)
    world.database.write(rows)
    return rows


def booted(**options: Any) -> World:
    world = World(options=ChargerOptions(**options))
    world.boot()
    look(world)
    return world


def start(world: World) -> None:
    world.call("StartTransaction", START)


def test_nothing_is_stored_again_while_nothing_changes() -> None:
    world = booted()
    assert look(world) == []
    world.call("Heartbeat", {})
    world.wait(1)
    assert look(world) == []


def test_what_a_backoffice_that_is_away_has_not_got_is_counted_from_its_first() -> None:
    world = booted()
    world["energy"].lose()
    said = world.utc
    start(world)
    world.wait(10)
    world.call("MeterValues", {"connectorId": 1, "meterValue": []})
    energy = RouteHealthRow(charger=1, route=2, waiting=2, oldest=said, round_trip_ms=None)
    assert look(world) == [energy]
    assert look(world) == []
    world["energy"].open()
    assert look(world) == [RouteHealthRow(charger=1, route=2, waiting=0, oldest=None, round_trip_ms=None)]


def test_what_is_on_its_way_is_not_said_to_wait() -> None:
    world = booted()
    world["billing"].behave = world["billing"].__class__.hold
    start(world)
    world.wait(1)
    assert [row for row in look(world) if isinstance(row, RouteHealthRow)] == []
    world.wait(2)
    assert [row.waiting for row in look(world) if isinstance(row, RouteHealthRow)] == [1]


def test_what_the_database_alone_holds_is_counted_too() -> None:
    world = booted()
    world["energy"].lose()
    first = world.utc
    for number in range(100):
        world.call("StartTransaction", {**START, "meterStart": number})
        world.wait(1)
    look(world)
    assert (world.database.health[2].waiting, world.database.health[2].oldest) == (100, first)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_the_time_to_an_answer_is_smoothed(seconds: float) -> None:
    world = booted()
    billing = world["billing"]
    for takes in (seconds, seconds, 9 * seconds):
        billing.behave = billing.__class__.hold
        world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        world.wait(takes)
        billing.release()
    look(world)
    assert world.database.health[1].round_trip_ms == pytest.approx(2000 * seconds)


def test_a_small_change_of_the_time_to_an_answer_is_not_stored() -> None:
    world = booted()
    billing = world["billing"]
    stored = []
    for takes in (0.100, 0.110, 0.090, 0.900):
        billing.behave = billing.__class__.hold
        world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        world.wait(takes)
        billing.release()
        stored.append(len(look(world)))
    assert stored == [1, 0, 0, 1]


def test_a_session_that_ends_leaves_what_waits_in_the_database_and_the_next_goes_on_from_there() -> None:
    world = booted()
    world["energy"].lose()
    start(world)
    world.do(world.machine.stop(1012, "service restart", *world.time))
    assert world.database.health[2].waiting == 1
    world.restart()
    assert look(world) == []
    world.database.deliveries.clear()
    world.restart()
    assert [row.waiting for row in look(world) if isinstance(row, RouteHealthRow)] == [0]


def test_a_route_that_is_switched_off_keeps_what_waits_for_it() -> None:
    world = booted()
    world["energy"].lose()
    start(world)
    world.routes = world.routes[:1]
    world.do(world.machine.configure(world.snapshot(), *world.time))
    assert (world.database.health[2].waiting, world.database.health[2].oldest) == (1, EPOCH)


# -- what the charger waits for -------------------------------------------------------------------------


def words(world: World) -> str:
    look(world)
    return world.database.waits_for


def test_a_charger_in_good_health_waits_for_nothing() -> None:
    assert words(booted()) == ""


def test_it_waits_for_an_answer_and_the_words_stay_the_same() -> None:
    world = booted()
    world["billing"].behave = world["billing"].__class__.hold
    world.wait(90)
    world.call("Authorize", {"idTag": "A"}, "a")
    assert words(world) == ""
    world.wait(2)
    assert words(world) == "an answer of billing to Authorize since 00:01:30 UTC"
    world.wait(2)
    assert not any(isinstance(row, ChargerHealthRow) for row in look(world))
    world["billing"].release()
    assert words(world) == ""


def test_it_waits_for_those_of_several_who_have_not_said_yet() -> None:
    world = booted(authorization="first_accept")
    for name in ("billing", "energy"):
        world[name].behave = world[name].__class__.hold
    world.call("Authorize", {"idTag": "A"}, "a")
    world.wait(2)
    assert words(world) == "an answer of billing or energy to Authorize since 00:00:00 UTC"
    world["energy"].say(json.dumps([3, world["energy"].held[0][0], {"idTagInfo": {"status": "Invalid"}}]))
    assert words(world) == "an answer of billing to Authorize since 00:00:00 UTC"


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_it_waits_to_be_accepted(status: str) -> None:
    world = World()
    world["billing"].status = status
    world.connect()
    world.call("BootNotification", json.loads(BOOT))
    assert words(world) == f"its backoffice billing to accept it (it says {status})"
    world["billing"].status = "Accepted"
    world.wait(1)
    world.call("BootNotification", json.loads(BOOT))
    assert words(world) == ""


def test_it_waits_for_a_billing_that_is_away_and_has_never_accepted_it() -> None:
    world = World()
    world.auto_open = False
    world.connect()
    world["billing"].refuse()
    world.call("BootNotification", json.loads(BOOT))
    assert words(world) == "its backoffice billing to accept it (it is away: connection refused)"
    world.disconnect()
    assert words(world) == ""


def test_it_waits_for_nobody_where_the_proxy_may_accept_it() -> None:
    world = World(options=ChargerOptions(standalone=True))
    world.auto_open = False
    world.connect()
    world["billing"].refuse()
    world.call("BootNotification", json.loads(BOOT))
    assert words(world) == ""


def test_it_waits_for_the_database() -> None:
    world = booted()
    world.commit_at_once = False
    world.call("MeterValues", {"connectorId": 1, "meterValue": []})
    start(world)
    assert words(world) == ""
    world.now, world.utc = world.now + 5, world.utc + timedelta(seconds=5)
    assert words(world) == "the database, which does not answer"
    world.commit()
    assert words(world) == ""


def test_a_session_that_ends_waits_for_nothing() -> None:
    world = World()
    world["billing"].status = "Pending"
    world.connect()
    world.call("BootNotification", json.loads(BOOT))
    assert words(world) != ""
    world.do(world.machine.stop(1012, "service restart", *world.time))
    assert world.database.waits_for == ""


# -- since when -----------------------------------------------------------------------------------------


def test_a_route_is_away_since_its_link_was_lost_however_often_it_is_dialled() -> None:
    world = booted()
    world.wait(10)
    lost = world.utc
    world["energy"].lose()
    states: tuple[LinkState, ...] = ("dialling", "waiting", "dialling", "parked")
    for state in states:
        world.wait(10)
        world.do(world.machine.link_state(2, state, "connection refused", *world.time))
        assert world.database.route_states[2].since == lost
    world.wait(10)
    world["energy"].open()
    assert world.database.route_states[2].since == world.utc


def test_a_route_is_connected_since_then_whatever_went_wrong_on_it() -> None:
    world = booted()
    since = world.database.route_states[1].since
    world["billing"].behave = world["billing"].__class__.ignore
    world.call("Heartbeat", {})
    world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
    world.wait(31)
    state = world.database.route_states[1]
    assert state.last_error == "no answer to StatusNotification within 30 s"
    assert (state.state, state.since) == ("connected", since)
