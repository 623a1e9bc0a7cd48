"""How backoffices accept the charger: ocpp-semantics 4.2 to 4.4, scenarios 26, 50 to 55."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, WATCHER, World, route, start, stop
from tests.routing.core.traffic import (
    VERSIONS,
    booting,
    status,
    statuses,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_everybody_gets_the_boot_and_billing_answers_it(version: str) -> None:
    world = World(BILLING, ENERGY, WATCHER, version=version)
    world["billing"].interval = 240
    world.connect()
    assert booting(world)[2] == {
        "currentTime": "2026-01-01T00:00:00Z",
        "interval": 240,
        "status": "Accepted",
    }
    for name in ("billing", "energy", "watcher"):
        assert world[name].got == [("BootNotification", json.loads(BOOT if version == "1.6" else BOOT_2))]


@pytest.mark.parametrize(
    ("interval", "pinned", "told"),
    [(300, None, 300), (5, None, 30), (86400, None, 3600), (0, None, 300), (300, 77, 77), (-4, None, 30)],
)
def test_the_interval_for_the_charger_is_billings_within_bounds(
    interval: int, pinned: int | None, told: int
) -> None:
    world = World(options=ChargerOptions(pin_interval=pinned))
    world["billing"].interval = interval
    world.connect()
    assert booting(world)[2]["interval"] == told


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("answer", ["Pending", "Rejected"])
def test_billing_does_not_accept(version: str, answer: str) -> None:
    world = World(version=version)
    billing = world["billing"]
    billing.status, billing.interval = answer, 120
    world.connect()
    assert booting(world)[2]["status"] == answer
    assert booting(world)[2]["interval"] == 120
    status(world, 1, "Available")
    assert {a for a, _ in billing.got} == {"BootNotification"}
    assert statuses(world["energy"]) == []  # a station that has to wait is silent
    billing.status = "Accepted"
    world.wait(1)
    assert booting(world)[2]["status"] == "Accepted"
    status(world, 1, "Occupied")
    assert statuses(billing) == [(1, "Occupied")]
    assert statuses(world["energy"]) == [(1, "Occupied")]


def test_the_proxy_boots_again_where_the_charger_forgets_to() -> None:
    world = World()
    billing = world["billing"]
    billing.status, billing.interval = "Pending", 120
    world.connect()
    booting(world)
    billing.got.clear()
    world.wait(125)
    assert billing.got == []  # the charger's own turn
    world.wait(30)
    assert [a for a, _ in billing.got] == ["BootNotification"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("answer", "interval", "after"),
    [("Pending", 120, 120), ("Rejected", 120, 120), ("Pending", 0, 60), ("Rejected", 1, 10), ("Odd", 30, 30)],
)
def test_a_secondary_does_not_accept_and_the_charger_notices_nothing(
    version: str, answer: str, interval: int, after: int
) -> None:
    world = World(version=version)
    energy = world["energy"]
    energy.status, energy.interval = answer, interval
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"
    status(world, 1, "Available")
    world.forget()
    world.wait(after - 1)
    assert energy.got == []
    assert world.to_charger == []
    world.wait(2)
    assert [a for a, _ in energy.got] == ["BootNotification"]
    energy.status, energy.interval = "Accepted", 300
    world.wait(after + 1)
    assert [a for a, _ in energy.got] == ["BootNotification", "BootNotification", "StatusNotification"]
    assert world.to_charger == []


def test_sessions_wait_for_a_secondary_that_has_not_accepted() -> None:
    world = World()
    energy = world["energy"]
    energy.status, energy.interval = "Pending", 60
    world.connect()
    booting(world)
    world.call("StartTransaction", start())
    world.call("StopTransaction", stop(100))
    assert [a for a, _ in energy.got] == ["BootNotification"]
    energy.status = "Accepted"
    world.wait(61)
    assert [a for a, _ in energy.got][1:] == ["BootNotification", "StartTransaction", "StopTransaction"]
    assert energy.got[-1][1]["transactionId"] == 900


def test_a_billing_that_has_not_accepted_is_not_waited_for() -> None:
    world = World()
    world["billing"].status = "Pending"
    world.connect()
    booting(world)
    assert world.call("StartTransaction", start())[2]["transactionId"] >= 1_000_000_000
    assert world.call("Authorize", {"idTag": "X"})[2] == {"idTagInfo": {"status": "Invalid"}}


@pytest.mark.parametrize(
    ("version", "action", "payload", "denial"),
    [
        ("1.6", "RemoteStartTransaction", {"idTag": "A"}, {"status": "Rejected"}),
        ("1.6", "RemoteStopTransaction", {"transactionId": 1}, {"status": "Rejected"}),
        (
            "2.0.1",
            "RequestStartTransaction",
            {"remoteStartId": 1, "idToken": {"idToken": "A", "type": "Central"}},
            {"status": "Rejected", "statusInfo": {"reasonCode": "CSNotAccepted"}},
        ),
        (
            "2.1",
            "RequestStopTransaction",
            {"transactionId": "T"},
            {"status": "Rejected", "statusInfo": {"reasonCode": "CSNotAccepted"}},
        ),
    ],
)
def test_no_session_commands_before_acceptance(
    version: str, action: str, payload: dict[str, Any], denial: dict[str, Any]
) -> None:
    world = World(version=version)
    world["billing"].status = "Pending"
    world.connect()
    booting(world)
    world.forget()
    world["billing"].call(action, payload, "b1")
    assert world["billing"].answers == [[3, "b1", denial]]
    world["billing"].call("GetVariables" if version != "1.6" else "GetConfiguration", {}, "b2")
    assert len(world.commands) == 1  # reads are served: Billing must be able to provision


@pytest.mark.parametrize(
    ("accepted_before", "standalone", "expected"),
    [(False, False, ("Pending", 60)), (True, False, ("Accepted", 240)), (False, True, ("Accepted", 300))],
)
def test_a_boot_while_billing_is_away(
    accepted_before: bool, standalone: bool, expected: tuple[str, int]
) -> None:
    world = World(options=ChargerOptions(standalone=standalone))
    world["billing"].interval = 240
    if accepted_before:
        world.boot()
    else:
        world.auto_open = False
        world.connect()
        world["billing"].refuse()
    if accepted_before:
        world["billing"].lose()
        world.connect()
    answer = booting(world)[2]
    assert (answer["status"], answer["interval"]) == expected


def test_without_billing_the_proxy_accepts() -> None:
    world = World(ENERGY)
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"


def test_billing_is_still_being_dialled_when_the_charger_boots() -> None:
    world = World()
    world.auto_open = False
    world.connect()
    assert booting(world) is None
    world["billing"].open()
    assert world.answer_to("c1")[2]["status"] == "Accepted"
    assert [a for a, _ in world["billing"].got] == ["BootNotification"]


def test_billing_refuses_the_dial_while_the_charger_waits_for_its_boot() -> None:
    world = World()
    world.auto_open = False
    world.connect()
    assert booting(world) is None
    world["billing"].refuse()
    assert world.answer_to("c1")[2]["status"] == "Pending"


def test_a_boot_is_answered_in_time_whatever_billing_does() -> None:
    world = World()
    world["billing"].behave = Backoffice.ignore
    world.connect()
    assert booting(world) is None
    world.wait(15)
    assert world.answer_to("c1")[2]["status"] == "Pending"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_replayed_boot_of_2x_has_another_reason(version: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].lose()
    world.wait(120)
    world["energy"].open()
    boots = world["energy"].payloads("BootNotification")
    assert [b["reason"] for b in boots] == ["Unknown"]
    assert boots[0]["chargingStation"] == json.loads(BOOT_2)["chargingStation"]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_boot_that_has_just_happened_is_passed_on_as_it_is(version: str) -> None:
    world = World(version=version)
    world.auto_open = False
    world.connect()
    world["billing"].open()
    booting(world)
    world.wait(20)
    world["energy"].open()
    assert world["energy"].payloads("BootNotification")[0]["reason"] == "PowerUp"


@pytest.mark.parametrize(
    ("replay", "accepted", "boots"),
    [
        ("always", True, 1),
        ("always", False, 1),
        ("if_needed", True, 0),
        ("if_needed", False, 1),
        ("never", True, 0),
        ("never", False, 0),
    ],
)
def test_boot_replay_when_a_link_comes_back(replay: str, accepted: bool, boots: int) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay=replay))
    if not accepted:
        world["energy"].status = "Pending"
    world.boot()
    world.wait(70)
    world["energy"].lose()
    world.forget()
    world["energy"].open()
    assert len(world["energy"].payloads("BootNotification")) == boots


def test_if_needed_means_since_the_last_boot_of_the_charger() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay="if_needed"))
    world.boot()
    world["energy"].lose()
    booting(world)
    world.wait(100)
    world.forget()
    world["energy"].open()
    assert len(world["energy"].payloads("BootNotification")) == 1


def test_if_needed_means_so_after_a_restart_too() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay="if_needed"))
    world.boot()
    world["energy"].lose()
    booting(world)
    world.restart()
    world.connect()
    world.wait(5)
    assert len(world["energy"].payloads("BootNotification")) == 1


def refuses_before_boot(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    """A CSMS that has lost its memory: SecurityError until it gets a boot."""
    if action == "BootNotification":
        backoffice.behave = Backoffice.answer
        return backoffice.answer(message_id, action, payload)
    backoffice.say(f'[4,"{message_id}","SecurityError","",{{}}]')


def test_a_backoffice_that_asks_for_the_boot_first_gets_it_and_then_the_message() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay="if_needed"))
    world.boot()
    world.wait(100)
    energy = world["energy"]
    energy.behave = refuses_before_boot
    world.call("StartTransaction", start())
    assert [a for a, _ in energy.got] == ["StartTransaction", "BootNotification", "StartTransaction"]


def test_a_status_makes_it_ask_for_the_boot_as_well() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay="if_needed"))
    world.boot()
    world.wait(100)
    world["energy"].behave = refuses_before_boot
    status(world, 1, "Available")
    assert [a for a, _ in world["energy"].got] == [
        "StatusNotification",
        "BootNotification",
        "StatusNotification",
    ]


def test_a_backoffice_that_accepts_the_boot_and_refuses_the_rest_is_not_booted_in_a_circle() -> None:
    def refuses_all(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action == "BootNotification":
            return backoffice.answer(message_id, action, payload)
        backoffice.say(f'[4,"{message_id}","SecurityError","",{{}}]')

    world = World()
    world.boot()
    world["energy"].behave = refuses_all
    world.call("StartTransaction", start())
    status(world, 1, "Charging")
    world.wait(1000)
    assert len(world["energy"].payloads("StartTransaction")) == 3
    assert len(world["energy"].payloads("BootNotification")) < 40
    assert world.database.dead == [(2, "StartTransaction")]


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_a_backoffice_that_does_not_know_the_boot_gets_the_rest(code: str) -> None:
    def lacks_boot(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action == "BootNotification":
            return backoffice.say(f'[4,"{message_id}","{code}","",{{}}]')
        backoffice.answer(message_id, action, payload)

    world = World()
    world["energy"].behave = lacks_boot
    world.boot()
    status(world, 1, "Available")
    assert statuses(world["energy"]) == [(1, "Available")]


@pytest.mark.parametrize(
    "answer",
    ['[4,"{}","InternalError","",{{}}]', '[3,"{}",{{}}]', '[3,"{}",{{"status":null}}]', '[3,"{}",{{"st'],
)
def test_a_boot_that_is_refused_or_unreadable_is_repeated(answer: str) -> None:
    def wrong(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        backoffice.behave = Backoffice.answer
        backoffice.say(answer.format(message_id))

    world = World()
    world["energy"].behave = wrong
    world.connect()
    booting(world)
    status(world, 1, "Available")
    assert statuses(world["energy"]) == []
    world.wait(61)
    assert statuses(world["energy"]) == [(1, "Available")]


def test_a_boot_that_is_answered_late_counts() -> None:
    world = World()
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.connect()
    booting(world)
    status(world, 1, "Available")
    world.wait(40)  # beyond T_up: it was frozen
    energy.behave = Backoffice.answer
    energy.release()
    assert statuses(energy) == [(1, "Available")]
    world.wait(100)
    assert len(energy.payloads("BootNotification")) == 1


def test_two_boots_in_a_row_end_with_the_second() -> None:
    world = World()
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.connect()
    booting(world)
    booting(world)
    energy.release()
    assert len(energy.payloads("BootNotification")) == 2
    energy.status = "Pending"
    energy.release()
    status(world, 1, "Available")
    assert statuses(energy) == []  # the first was accepted, the second counts
    energy.behave, energy.status = Backoffice.answer, "Accepted"
    world.wait(301)
    assert statuses(energy) == [(1, "Available")]


def test_each_backoffice_gets_heartbeats_at_its_own_interval() -> None:
    world = World(BILLING, ENERGY, WATCHER)
    world["billing"].interval, world["energy"].interval, world["watcher"].interval = 300, 60, 0
    world.boot()
    world.wait(601)
    counts = {n: len(world[n].payloads("Heartbeat")) for n in ("billing", "energy", "watcher")}
    assert counts == {"billing": 2, "energy": 10, "watcher": 2}


def test_a_heartbeat_is_sent_only_after_its_interval_of_silence() -> None:
    world = World()
    world["energy"].interval = 60
    world.boot()
    for _ in range(10):
        world.wait(50)
        status(world, 1, "Available")
    assert world["energy"].payloads("Heartbeat") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_charger_gets_the_time_at_once_from_the_proxy(version: str) -> None:
    world = World(version=version)
    world.boot()
    world["billing"].behave = world["energy"].behave = Backoffice.ignore
    world.wait(61.25)
    assert world.call("Heartbeat", {})[2] == {"currentTime": "2026-01-01T00:01:01.250Z"}
    assert world["billing"].payloads("Heartbeat") == []


def test_no_heartbeats_while_the_charger_is_away() -> None:
    world = World(options=ChargerOptions(offline_grace=600))
    world["energy"].interval = 20
    world.boot()
    world.disconnect()
    world.wait(500)
    assert world["energy"].payloads("Heartbeat") == []
    world.connect()
    world.wait(21)
    assert len(world["energy"].payloads("Heartbeat")) >= 1


def test_a_boot_of_the_charger_takes_the_place_of_the_repeat_that_was_due() -> None:
    world = World()
    energy = world["energy"]
    energy.status, energy.interval = "Pending", 60
    world.connect()
    booting(world)
    world.wait(55)
    energy.behave, energy.status = Backoffice.hold, "Accepted"
    booting(world)
    world.wait(10)
    energy.behave = Backoffice.answer
    energy.release()
    assert len(energy.payloads("BootNotification")) == 2


def test_a_repeat_that_was_due_is_forgotten_with_the_link() -> None:
    world = World()
    world["energy"].status = "Pending"
    world.connect()
    booting(world)
    world["energy"].lose()
    assert world.wait(3000) < 50
    assert len(world["energy"].payloads("BootNotification")) == 1
