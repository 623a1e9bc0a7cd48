"""Dead letters: when a delivery is given up, the alarm, and what a person puts back (ocpp-semantics 2.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from routing.core.options import RouteOptions
from routing.core.rows import DEAD_LETTERS, AlarmRow
from routing.core.snapshot import Role
from routing.core.steady import STEADY
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, EPOCH, World, event, meter, route, start, stop
from tests.routing.core.traffic import SESSION, VERSIONS, fails_with

DAY = 86400.0

STARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "1.6": ("StartTransaction", start()),
    "2.0.1": ("TransactionEvent", event("Started", 0, card="CARD")),
    "2.1": ("TransactionEvent", event("Started", 0, card="CARD")),
}


def alarm(world: World, key: int = 2) -> AlarmRow | None:
    """The alarm of a route, where it lasts."""
    found = world.database.alarms.get((DEAD_LETTERS, str(key)))
    return found if found is not None and found.cleared is None else None


def silent_about(action: str) -> Any:
    """A behaviour: this action is not answered, the others are."""

    def behave(backoffice: Backoffice, message_id: str, named: str, payload: Any) -> None:
        if named != action:
            backoffice.answer(message_id, named, payload)

    return behave


def refused(world: World, action: str, payload: dict[str, Any]) -> None:
    """The charger says something that energy refuses until it is a dead letter."""
    world["energy"].behave = fails_with("InternalError", action)
    world.call(action, payload)
    world.wait(1000)
    world["energy"].behave = Backoffice.answer
    world.forget()


def looked_at(world: World) -> None:
    """A person has changed something: the session is configured anew."""
    world.commit()
    world.configure(*world.routes)


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


# The rule of repeating, as OCPP 1.6 (edition 2, 9.1.28, 9.1.29) and 2.x (OCPPCommCtrlr.MessageAttempts,
# MessageAttemptInterval) have it: the same, with names of their own


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "code", ["InternalError", "FormationViolation", "FormatViolation", "PropertyConstraintViolation"]
)
def test_three_attempts_in_a_growing_interval(version: str, code: str) -> None:
    world = World(version=version)
    world.boot()
    action, payload = STARTS[version]
    world["energy"].behave = fails_with(code, action)
    world.call(action, payload)
    counts = []
    for _ in range(200):
        counts.append(len(world["energy"].payloads(action)))
        world.wait(1)
    assert [counts.index(n) for n in (1, 2, 3)] == [0, 60, 60 + 120]
    assert world.database.dead == [(2, action)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lost_link_is_no_attempt(version: str) -> None:
    world = World(version=version)
    world.boot()
    action, payload = STARTS[version]
    energy = world["energy"]
    energy.behave = silent_about(action)
    world.call(action, payload)
    for _ in range(10):
        energy.lose()
        energy.open()
        world.wait(3)
    assert len(energy.payloads(action)) == 11
    assert world.database.dead == []
    assert {row.attempts for row in world.database.waiting(2)} == {0}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_that_never_comes_is_an_attempt(version: str) -> None:
    world = World(version=version)
    world.boot()
    action, payload = STARTS[version]
    world["energy"].behave = silent_about(action)
    world.call(action, payload)
    world.wait(1000)
    assert len(world["energy"].payloads(action)) == 3
    assert world.database.dead == [(2, action)]


# The alarm


def test_what_is_given_up_raises_an_alarm_of_that_route(world: World) -> None:
    refused(world, "MeterValues", meter(None))
    raised = alarm(world)
    assert raised is not None
    assert raised.text.startswith("energy: gave up MeterValues after 3 tries: InternalError")
    assert alarm(world, 1) is None


def test_it_lasts_as_long_as_a_letter_is_left(world: World) -> None:
    refused(world, "MeterValues", meter(None))
    refused(world, "MeterValues", meter(None, value="2"))
    first, second = sorted(world.database.letters)
    del world.database.letters[first]
    looked_at(world)
    assert alarm(world) is not None
    del world.database.letters[second]
    looked_at(world)
    assert alarm(world) is None
    refused(world, "MeterValues", meter(None, value="3"))
    assert alarm(world) is not None


def test_a_letter_that_dies_while_the_database_is_asked_keeps_the_alarm(world: World) -> None:
    refused(world, "MeterValues", meter(None))
    world.database.letters.clear()
    world["energy"].behave = fails_with("InternalError", "MeterValues")
    world.call("MeterValues", meter(None, value="2"))
    world.loads_at_once = False
    looked_at(world)
    world.read()
    world.wait(1000)
    assert len(world.database.letters) == 1
    world.load()
    assert alarm(world) is not None


def test_an_alarm_that_a_person_ended_too_early_is_raised_again(world: World) -> None:
    refused(world, "MeterValues", meter(None))
    ended = world.database.alarms[DEAD_LETTERS, "2"]
    world.database.alarms[DEAD_LETTERS, "2"] = msgspec.structs.replace(ended, cleared=world.utc)
    looked_at(world)
    assert alarm(world) == ended


def test_without_an_alarm_nobody_is_asked(world: World) -> None:
    world.loads.clear()
    world.loads_at_once = False
    world.configure(*world.routes)
    assert world.loads == []


def test_a_route_that_is_switched_off_keeps_its_letters_and_their_alarm(world: World) -> None:
    refused(world, "MeterValues", meter(None))
    world.configure(BILLING)
    assert alarm(world) is not None
    world.restart()
    world.connect()
    assert alarm(world) is not None
    world.configure(BILLING, ENERGY)
    assert alarm(world) is not None
    world.database.letters.clear()
    looked_at(world)
    assert alarm(world) is None


# What a person puts back


def test_what_is_put_back_is_sent_at_once_behind_what_waits(world: World) -> None:
    refused(world, "MeterValues", meter(None, value="1"))
    refused(world, "MeterValues", meter(None, value="2"))
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("MeterValues", meter(None, value="3"))
    world.call("MeterValues", meter(None, value="4"))
    world.database.retry(world.utc)
    world.call("MeterValues", meter(None, value="5"))  # before the session knows
    looked_at(world)
    world.call("MeterValues", meter(None, value="6"))
    while energy.held:
        energy.release()
    values = [p["meterValue"][0]["sampledValue"][0]["value"] for p in energy.payloads("MeterValues")]
    assert values == ["3", "4", "5", "1", "2", "6"]
    assert world.database.deliveries == {}
    assert alarm(world) is None
    assert [line.waiting for line in world.machine._state.lines.values()] == [0, 0]


def test_what_is_put_back_while_deliveries_are_read_stands_behind_what_comes_meanwhile(world: World) -> None:
    refused(world, "MeterValues", meter(None, value="0"))
    energy = world["energy"]
    energy.lose()
    for value in range(1, 71):
        world.call("MeterValues", meter(None, value=str(value)))
    world.loads_at_once = False
    energy.open()  # sends until the rest has to be read
    world.wait(3)
    world.database.retry(world.utc)
    world.read()  # finds the letter too
    world.call("MeterValues", meter(None, value="71"))
    world.load()
    world.loads_at_once = True
    world.load()
    looked_at(world)
    values = [int(p["meterValue"][0]["sampledValue"][0]["value"]) for p in energy.payloads("MeterValues")]
    assert values == [*range(1, 72), 0]
    assert world.database.deliveries == {}


def test_what_is_put_back_survives_a_restart(world: World) -> None:
    refused(world, "MeterValues", meter(None, value="1"))
    world["energy"].lose()
    world.call("MeterValues", meter(None, value="2"))
    world.database.retry(world.utc)
    world.restart()
    world.connect()
    world.call("MeterValues", meter(None, value="3"))
    world.wait(3)
    values = [p["meterValue"][0]["sampledValue"][0]["value"] for p in world["energy"].payloads("MeterValues")]
    assert values == ["2", "1", "3"]


def test_the_answer_to_a_start_that_was_put_back_tells_the_number_again(world: World) -> None:
    world["energy"].behave = fails_with("InternalError", "StartTransaction")
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.wait(1000)
    world["energy"].behave = Backoffice.answer
    world.call("MeterValues", meter(number))
    assert world["energy"].payloads("MeterValues")[-1]["transactionId"] == -1
    world.database.retry(world.utc)
    looked_at(world)
    world.call("MeterValues", meter(number))
    world.call("StopTransaction", stop(number))
    assert [a for a, _ in world["energy"].of(*SESSION)][-3:] == [
        "StartTransaction", "MeterValues", "StopTransaction",
    ]  # fmt: skip
    assert world["energy"].payloads("MeterValues")[-1]["transactionId"] == 900
    assert world["energy"].payloads("StopTransaction")[-1]["transactionId"] == 900
    assert [
        (k.state, k.route_transaction_id) for (_, r), k in world.database.route_transactions.items() if r == 2
    ] == [("known", "900")]


# What waits for too long


def away(world: World) -> None:
    """Energy goes, and then a session of the charger begins and ends."""
    world["energy"].lose()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.call("StopTransaction", stop(number))


def test_what_waits_for_too_long_is_a_dead_letter_with_an_alarm() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, keep_for=2 * DAY))
    world.boot()
    away(world)
    world.wait(2 * DAY - 10)
    assert world.database.dead == []
    world.wait(3700)
    assert world.database.dead == [(2, "StartTransaction"), (2, "StopTransaction")]
    raised = alarm(world)
    assert raised is not None
    assert raised.text == (
        "energy: 2 messages could not be delivered: it has waited longer than 2 days (option keep_for)"
    )
    world["energy"].open()
    world.wait(3)
    assert world["energy"].of(*SESSION) == []


def test_that_is_thirty_days_unless_a_route_says_otherwise() -> None:
    assert RouteOptions().keep_for == 30 * DAY


def test_however_many_they_are() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, keep_for=DAY))
    world.boot()
    world["energy"].lose()
    for value in range(200):
        world.call("MeterValues", meter(None, value=str(value)))
    world.wait(DAY + 3700)
    assert len(world.database.dead) == 200
    assert world.database.deliveries == {}


def test_what_is_too_old_when_its_turn_comes_is_not_sent() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, keep_for=1000))
    world.boot()
    away(world)
    world.wait(1001)
    world.call("MeterValues", meter(None))
    world["energy"].open()
    world.wait(3)
    assert [a for a, _ in world["energy"].of(*SESSION)] == ["MeterValues"]
    assert world.database.dead == [(2, "StartTransaction"), (2, "StopTransaction")]


def test_also_of_a_charger_that_is_away(world: World) -> None:
    away(world)
    world.disconnect()
    world.wait(10)
    world.restart()
    world.utc += timedelta(days=31)
    world.auto_open = False
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    assert world.database.dead == []
    world.wait(STEADY)
    assert [a for _, a in world.database.dead] == ["StartTransaction", "StopTransaction"]


def test_a_clock_that_jumps_ahead_and_back_makes_no_dead_letters(world: World) -> None:
    away(world)
    world.wait(3000)
    world.utc += timedelta(days=60)
    world.wait(STEADY - 1)
    world.connect()
    world.utc -= timedelta(days=60)
    world.wait(7200)
    assert world.database.dead == []
    world["energy"].open()
    world.wait(3)
    assert [a for a, _ in world["energy"].of(*SESSION)] == ["StartTransaction", "StopTransaction"]


@pytest.mark.parametrize("restarted", [False, True])
def test_right_after_a_jump_an_old_message_is_rather_sent_than_given_up(
    world: World, restarted: bool
) -> None:
    away(world)
    world.wait(3000)
    world.utc += timedelta(days=60)
    if restarted:
        world.restart()
        world.connect()
    else:
        world["energy"].open()
    world.wait(3)
    assert [a for a, _ in world["energy"].of(*SESSION)] == ["StartTransaction", "StopTransaction"]
    assert world.database.dead == []


def test_a_session_that_ended_long_ago_is_delivered_with_its_identifiers() -> None:
    """Energy comes back after a week; the first session is forgotten but for what energy is owed."""
    world = World(BILLING, route(2, "energy", Role.OBSERVE))
    world.boot()
    world["energy"].lose()
    for day in range(7):
        at = (EPOCH + timedelta(days=day)).isoformat().replace("+00:00", "Z")
        number = world.call("StartTransaction", start(at=at))[2]["transactionId"]
        for value in range(20):
            world.call("MeterValues", meter(number, value=str(value)))
        world.call("StopTransaction", stop(number, at=at))
        world.wait(DAY)
    known = len(world.machine._state.transactions._by_key)
    assert known < 7
    world["energy"].open()
    world.wait(3)
    got = world["energy"].of(*SESSION)
    assert len(got) == 7 * 22
    assert [p["transactionId"] for a, p in got if a == "StopTransaction"] == list(range(900, 907))
    assert {p["idTag"] for a, p in got if a == "StartTransaction"}.isdisjoint({"CARD"})
    assert world.database.deliveries == {}
