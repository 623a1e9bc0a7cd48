"""What the charger is told about its boot, and who waits meanwhile (ocpp-semantics 4.3, 4.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, World, route, start

VERSIONS = ["1.6", "2.0.1", "2.1"]
ALL = pytest.mark.parametrize("version", VERSIONS)
QUARTER = 15 * 60


def booting(world: World) -> Any:
    """The charger boots; what it is answered."""
    return world.call("BootNotification", json.loads(BOOT if world.version == "1.6" else BOOT_2))


def status(world: World) -> None:
    """Connector 1 is available."""
    payload: dict[str, Any] = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    if world.version != "1.6":
        payload = {
            "evseId": 1,
            "connectorId": 1,
            "connectorStatus": "Available",
            "timestamp": "2026-01-01T00:00:00Z",
        }
    world.call("StatusNotification", payload)


# -- hold_rejected ---------------------------------------------------------------------------------------


@ALL
def test_a_rejection_after_an_acceptance_is_held_for_a_quarter_of_an_hour(version: str) -> None:
    world = World(version=version)
    world["billing"].interval = 240
    world.boot()
    world["billing"].status, world["billing"].interval = "Rejected", 120
    answer = booting(world)[2]
    assert (answer["status"], answer["interval"]) == ("Accepted", 240)
    status(world)
    assert len(world["energy"].payloads("StatusNotification")) == 1  # nobody waits with Billing
    world["billing"].got.clear()
    world.wait(121)
    assert world["billing"].payloads("BootNotification") != []  # the proxy asks again at its interval
    world.wait(QUARTER - 200)
    assert booting(world)[2]["status"] == "Accepted"
    world.forget()
    world.wait(100)
    assert [frame[2:] for frame in world.commands] == [
        ["TriggerMessage", {"requestedMessage": "BootNotification"}]
    ]
    assert booting(world)[2]["status"] == "Rejected"


def test_a_held_rejection_is_forgotten_when_billing_accepts_again() -> None:
    world = World()
    world.boot()
    world["billing"].status, world["billing"].interval = "Rejected", 60
    booting(world)
    world["billing"].status = "Accepted"
    world.wait(QUARTER + 100)
    assert world.commands == []
    assert world.database.latest["boot_refused", ""].payload == ""
    world["billing"].status = "Rejected"
    assert booting(world)[2]["status"] == "Accepted"  # another quarter begins


def test_a_held_rejection_lasts_over_a_restart_of_the_proxy() -> None:
    world = World()
    world.boot()
    world["billing"].status, world["billing"].interval = "Rejected", 600
    booting(world)
    world.wait(QUARTER - 60)
    world.restart()
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"
    world.forget()
    world.wait(61)
    assert [frame[2] for frame in world.commands] == ["TriggerMessage"]
    assert booting(world)[2]["status"] == "Rejected"


@pytest.mark.parametrize(
    ("accepted_before", "hold"), [(True, False), (False, True)], ids=["switched off", "never accepted"]
)
def test_a_rejection_is_passed_on(accepted_before: bool, hold: bool) -> None:
    world = World(options=ChargerOptions(hold_rejected=hold))
    if accepted_before:
        world.boot()
    else:
        world.connect()
    world["billing"].status = "Rejected"
    assert booting(world)[2]["status"] == "Rejected"


def test_the_last_answer_counts_when_billing_is_away() -> None:
    world = World(options=ChargerOptions(hold_rejected=False))
    world.boot()
    world["billing"].status = "Rejected"
    booting(world)
    world["billing"].lose()
    assert booting(world)[2]["status"] == "Pending"


# -- decouple_boot ---------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("answer", ["Pending", "Rejected"])
def test_decouple_boot_keeps_billings_answer_from_the_charger(version: str, answer: str) -> None:
    world = World(version=version, options=ChargerOptions(decouple_boot=True))
    world["billing"].status, world["billing"].interval = answer, 120
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"
    status(world)
    assert world["billing"].payloads("StatusNotification") == []
    assert len(world["energy"].payloads("StatusNotification")) == 1
    action = "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"
    token = (
        {"idTag": "A"}
        if version == "1.6"
        else {"remoteStartId": 1, "idToken": {"idToken": "A", "type": "Central"}}
    )
    if answer == "Pending":
        world["billing"].call(action, token, "b1")
        assert world["billing"].answers[-1][2]["status"] == "Rejected"
    assert world.commands == []
    world["billing"].status = "Accepted"
    world.wait(121)
    assert len(world["billing"].payloads("StatusNotification")) == 1


def test_decouple_boot_does_not_wait_for_billing() -> None:
    world = World(options=ChargerOptions(decouple_boot=True))
    world["billing"].behave = lambda *_: None
    world.connect()
    assert booting(world)[2] == {
        "currentTime": "2026-01-01T00:00:00.000Z",
        "interval": 300,
        "status": "Accepted",
    }


# -- who waits with Billing --------------------------------------------------------------------------------


def test_a_secondary_waits_whichever_answers_first() -> None:
    world = World()
    held = world["billing"]
    held.behave, held.status = type(held).hold, "Pending"
    world.connect()
    booting(world)
    held.behave = type(held).answer
    held.release()
    status(world)
    assert {a for a, _ in world["energy"].got} == {"BootNotification"}


@pytest.mark.parametrize("way", ["accepts a replay", "is switched off", "goes away"])
def test_a_secondary_waits_no_longer_than_billing_makes_the_charger_wait(way: str) -> None:
    world = World()
    billing, energy = world["billing"], world["energy"]
    billing.status, billing.interval = "Pending", 60
    world.connect()
    booting(world)
    status(world)
    world.call("StartTransaction", start())
    assert {a for a, _ in energy.got} == {"BootNotification"}
    if way == "accepts a replay":
        billing.status = "Accepted"
        world.wait(95)
    elif way == "is switched off":
        world.configure(ENERGY)
    else:
        billing.lose()
        booting(world)  # the proxy's own Pending: nobody has made the charger wait
    assert len(energy.payloads("StartTransaction")) == 1


def test_a_link_that_opens_while_the_charger_waits_gets_the_boot_alone() -> None:
    world = World()
    world["billing"].status, world["billing"].interval = "Pending", 3600
    world.connect()
    booting(world)
    world["energy"].lose()
    status(world)
    world.forget()
    world["energy"].open()
    world.wait(30)
    assert {a for a, _ in world["energy"].got} == {"BootNotification"}


# -- CALLs of a backoffice that has rejected the charger


@ALL
@pytest.mark.parametrize(
    ("name", "action", "served"),
    [
        ("billing", "Reset", False),
        ("billing", "GetInstalledCertificateIds", False),
        ("energy", "ClearCache", False),
        ("energy", "GetCompositeSchedule", True),
    ],
)
def test_calls_of_a_backoffice_that_has_rejected_the_charger(
    version: str, name: str, action: str, served: bool
) -> None:
    world = World(version=version)
    world[name].status = "Rejected"
    world.connect()
    booting(world)
    payload = {"connectorId" if version == "1.6" else "evseId": 1, "duration": 5}
    world[name].call(action, payload if served else {"type": "Soft"}, "x1")
    assert len(world.commands) == int(served)
    if served:
        assert world[name].answers[0][0] == 3
    elif version == "1.6":
        assert world[name].answers == []
    else:
        assert world[name].answers[0][:3] == [4, "x1", "SecurityError"]
    assert any(row.message_id == "x1" for row in world.database.messages)


# -- on_primary_loss


def test_the_charger_is_kept_when_billing_is_lost() -> None:
    world = World()
    world.boot()
    world["billing"].lose()
    world.wait(100)
    assert world.closed == []


def test_the_charger_is_dropped_when_billing_is_lost_and_that_is_wished() -> None:
    world = World(options=ChargerOptions(on_primary_loss="drop"))
    world.boot()
    world["billing"].lose()
    world.wait(4)
    assert world.closed == []
    world.wait(2)
    assert [(one.code, one.reason) for one in world.closed] == [(1012, "Billing is away")]


def test_the_charger_is_dropped_again_while_billing_refuses_the_dial() -> None:
    world = World(options=ChargerOptions(on_primary_loss="drop"))
    world.auto_open = False
    world.connect()
    world["billing"].refuse()
    world["billing"].refuse()
    world.wait(6)
    assert len(world.closed) == 1


@pytest.mark.parametrize("name", ["billing", "energy"])
def test_billing_is_back_in_time_or_somebody_else_is_lost(name: str) -> None:
    world = World(options=ChargerOptions(on_primary_loss="drop"))
    world.boot()
    world[name].lose()
    if name == "billing":
        world[name].open()
    world.wait(100)
    assert world.closed == []


# -- clocks


@ALL
@pytest.mark.parametrize(
    ("source", "told"), [("backoffice", "2026-01-01T00:00:00Z"), ("proxy", "2026-01-01T00:00:00.000Z")]
)
def test_whose_time_the_charger_gets(version: str, source: Any, told: str) -> None:
    world = World(version=version, options=ChargerOptions(clock_source=source))
    world.connect()
    assert booting(world)[2]["currentTime"] == told


def test_a_clock_that_goes_wrong_is_an_alarm_until_it_goes_right() -> None:
    world = World(BILLING, ENERGY)
    energy = world["energy"]
    energy.interval = 60
    now = world.utc.isoformat()
    times = {"BootNotification": now, "Heartbeat": "2026-01-01T03:00:00Z"}

    def tells(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action not in times:
            return backoffice.answer(message_id, action, payload)
        answer = {"currentTime": times[action], "interval": 60, "status": "Accepted"}
        backoffice.result(message_id, answer)

    energy.behave = tells
    world.boot()
    assert ("clock differs", "2") not in world.database.alarms
    world.wait(61)
    alarm = world.database.alarms["clock differs", "2"]
    assert alarm.cleared is None
    assert alarm.text == "the clock of energy is 3 h ahead"
    times["Heartbeat"] = "2026-01-01T00:02:00Z"
    world.wait(60)
    assert world.database.alarms["clock differs", "2"].cleared is not None


@pytest.mark.parametrize(
    "time", [None, "", "noon", 17, {"a": 1}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_times_that_cannot_be_read_are_no_reason_to_fail(time: Any) -> None:
    world = World()

    def tells(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action != "BootNotification":
            return backoffice.answer(message_id, action, payload)
        backoffice.result(message_id, {"currentTime": time, "interval": 60, "status": "Accepted"})

    world["billing"].behave = tells
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"


def test_the_role_alone_makes_a_secondary() -> None:
    world = World(BILLING, route(2, "energy", Role.OBSERVE))
    world["billing"].status = "Pending"
    world.connect()
    booting(world)
    status(world)
    assert {a for a, _ in world["energy"].got} == {"BootNotification"}


# -- the charger's life


@pytest.mark.parametrize(("ping", "until"), [(30, 3600), (0, 600)], ids=["pinged", "not pinged"])
def test_heartbeats_tell_of_the_charger_while_it_shows_life(ping: float, until: int) -> None:
    world = World(options=ChargerOptions(ping=ping))
    world["billing"].interval, world["energy"].interval = 300, 60
    world.boot()
    assert world.wait(3600) < 200
    assert len(world["energy"].payloads("Heartbeat")) == until // 60
    world.forget()
    world.call("Heartbeat", {})
    world.wait(61)
    assert len(world["energy"].payloads("Heartbeat")) >= 1


def test_the_interval_of_the_charger_is_known_after_a_restart() -> None:
    world = World(options=ChargerOptions(ping=0))
    world["billing"].interval, world["energy"].interval = 3000, 60
    world.boot()
    world.restart()
    world.connect()
    world.wait(5000)
    assert len(world["energy"].payloads("Heartbeat")) > 80


@pytest.mark.parametrize("interval", [10**40, -5, "300", None, 0])
def test_any_interval_will_do(interval: Any) -> None:
    world = World(options=ChargerOptions(ping=0))
    world["billing"].interval = interval
    world.boot()
    world.wait(1000)
    assert world.call("Heartbeat", {}) is not None
