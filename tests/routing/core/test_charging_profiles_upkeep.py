"""What the proxy does about profiles by itself: after boots, lost links, changed rules (ocpp-semantics 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, World, route, start
from tests.routing.core.profiles_charger import MAX, Charger, clears, profile, sets

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
TTL = 900


def world_of(version: str = "1.6", *routes: RouteSnapshot, **options: Any) -> tuple[World, Charger]:
    world = World(*(routes or (BILLING, ENERGY)), version=version, options=ChargerOptions(**options))
    charger = Charger(world)
    world.boot()
    return world, charger


def boot_again(world: World) -> None:
    """The charger starts anew on a new socket; Billing accepts."""
    world.disconnect()
    world.connect()
    world.wait(1)
    world.call("BootNotification", json.loads(BOOT if world.version == "1.6" else BOOT_2))


def shows_status(world: World) -> None:
    world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})


def sent(world: World, action: str = "SetChargingProfile") -> list[Any]:
    return [frame[3] for frame in world.commands if frame[2] == action]


# -- boots ---------------------------------------------------------------------------------------------


@ALL
def test_after_a_boot_the_charger_gets_everything_again(version: str) -> None:
    world, charger = world_of(version, max_current=32)
    world.wait(60)
    sets(world, "billing", 1)
    sets(world, "energy", 1, "Max", limit=10.0)
    before = dict(charger.profiles)
    charger.profiles.clear()
    world.commands.clear()
    boot_again(world)
    if version == "1.6":
        world.wait(20)
        assert world.commands == []
        shows_status(world)
    world.wait(5)
    assert charger.profiles == before
    assert len(sent(world)) == 3
    world.wait(1000)
    assert len(world.commands) == 3


def test_a_charger_that_never_shows_a_status_gets_them_all_the_same() -> None:
    world, charger = world_of()
    sets(world, "billing", 1)
    charger.profiles.clear()
    boot_again(world)
    world.wait(40)
    assert list(charger.profiles) == [1]


def test_a_mere_reconnection_sends_nothing() -> None:
    world, _ = world_of()
    sets(world, "billing", 1)
    world.commands.clear()
    world.disconnect()
    world.connect()
    world.wait(1000)
    assert world.commands == []


@ALL
def test_what_is_over_or_belongs_to_a_session_is_not_sent_again(version: str) -> None:
    world, charger = world_of(version)
    over = {"validTo": "2026-01-01T01:00:00Z"}
    sets(world, "billing", 1, level=0, **over)
    sets(world, "billing", 2, level=1, validTo="2026-01-02T01:00:00Z")
    world.wait(3700)
    charger.profiles.clear()
    boot_again(world)
    world.wait(40)
    assert list(charger.profiles) == [2]


def test_a_profile_of_a_running_session_is_not_sent_again() -> None:
    world, charger = world_of()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    sets(world, "billing", 1, "TxProfile", scope=1, transactionId=number)
    charger.profiles.clear()
    boot_again(world)
    world.wait(40)
    assert charger.profiles == {}
    world.commands.clear()
    assert clears(world, "billing", 1) == "Unknown"
    assert len(world.commands) == 1


def test_a_boot_in_the_midst_of_it_begins_anew() -> None:
    world, charger = world_of("2.0.1")
    for number in (1, 2, 3):
        sets(world, "billing", number, level=number)
    charger.profiles.clear()
    charger.silent = True
    boot_again(world)
    world.wait(5)
    assert len(sent(world)) == 4
    charger.silent = False
    boot_again(world)
    world.wait(5)
    assert set(charger.profiles) == {1, 2, 3}


def test_a_restart_in_the_midst_of_it_goes_on() -> None:
    world, charger = world_of("2.0.1")
    for number in (1, 2, 3):
        sets(world, "billing", number, level=number)
    charger.profiles.clear()
    charger.silent = True
    boot_again(world)
    world.wait(5)
    world.restart()
    charger.silent = False
    world.connect()
    world.wait(10)
    assert set(charger.profiles) == {1, 2, 3}


@ALL
@pytest.mark.parametrize("known", [False, True], ids=["new", "replaced"])
def test_a_restart_before_the_answer_leaves_nothing_that_nobody_knows(version: str, known: bool) -> None:
    world, charger = world_of(version)
    if known:
        sets(world, "energy", 1, "Max", limit=16.0)
    charger.silent = True
    world["energy"].call("SetChargingProfile", profile(version, 1, "Max", limit=0.0))
    charger._set(world.commands[-1][3])  # it does, and its answer is lost with the proxy
    charger.silent = False
    assert list(charger.limits(MAX[version]).values()) == [0.0]
    world.restart()
    boot_again(world)
    world.wait(60)
    assert list(charger.limits(MAX[version]).values()) == ([16.0] if known else [])


@ALL
@pytest.mark.parametrize("ends", ["timeout", "restart"])
def test_what_was_asked_twice_and_never_answered_is_not_set(version: str, ends: str) -> None:
    world, charger = world_of(version)
    charger.silent = True
    for number, limit in enumerate((0.0, 6.0)):
        world["energy"].call(
            "SetChargingProfile", profile(version, 1, "Max", limit=limit, level=number), f"e{number}"
        )
        charger._set(world.commands[0][3])
        if ends == "timeout":
            world.wait(100)
    if ends == "restart":
        world["energy"].lose()  # what waits behind it goes with the link
        world.restart()
    charger.silent = False
    boot_again(world)
    world.wait(600)
    assert charger.profiles == {}


def test_what_the_charger_does_not_take_again_is_gone() -> None:
    world, charger = world_of("2.0.1")
    sets(world, "billing", 1)
    charger.profiles.clear()
    charger.refuses = True
    boot_again(world)
    world.wait(5)
    assert any(report.kind == "profile" for report in world.reports)
    assert world.database.identifiers["profile", "1", 1].closed is not None
    world.commands.clear()
    world.wait(1000)
    assert world.commands == []


@pytest.mark.parametrize("meanwhile", ["clear", "replace"])
def test_who_changes_a_profile_meanwhile_is_right(meanwhile: str) -> None:
    world, charger = world_of("2.0.1")
    sets(world, "billing", 1, limit=10.0)
    charger.profiles.clear()
    charger.silent = True
    boot_again(world)
    world.wait(5)
    held = world.commands[-1]
    made = profile("2.0.1", 1, limit=20.0)
    if meanwhile == "clear":
        world["billing"].call("ClearChargingProfile", {"chargingProfileId": 1}, "m")
    else:
        world["billing"].call("SetChargingProfile", made, "m")
    charger.silent = False
    charger.obey(world, held)
    world.wait(400)
    assert charger.limits("TxDefaultProfile") == ({} if meanwhile == "clear" else {0: 20.0})


def test_one_pass_goes_on_at_a_time() -> None:
    world, charger = world_of("2.0.1")
    for number in (1, 2, 3):
        sets(world, "billing", number, level=number)
    charger.silent = True
    boot_again(world)
    world.wait(5)
    world.commands.clear()
    for _ in range(3):
        world.configure(*world.routes)
        world.wait(1)
    charger.silent = False
    world.wait(400)
    assert len(sent(world)) <= 3
    assert set(charger.profiles) == {1, 2, 3}


def test_another_version_knows_nothing_of_the_profiles() -> None:
    world, charger = world_of("1.6")
    sets(world, "billing", 1)
    world.disconnect()
    world.connect("2.0.1")
    world.wait(10)
    charger.profiles.clear()
    world.commands.clear()
    world.call("BootNotification", json.loads(BOOT_2))
    world.wait(40)
    assert world.commands == []
    assert world.database.identifiers["profile", "1", 1].closed is not None


# -- energy_ttl ----------------------------------------------------------------------------------------


@ALL
def test_the_limit_of_a_dead_energy_manager_lapses(version: str) -> None:
    world, charger = world_of(version)
    sets(world, "energy", 1, "Max", limit=0.0)
    sets(world, "billing", 1)
    world["billing"].got.clear()
    world["energy"].lose()
    world.wait(TTL - 1)
    assert len(charger.profiles) == 2
    world.wait(2)
    assert charger.limits(MAX[version]) == {}
    assert list(charger.profiles) == [1]
    assert world.database.identifiers["profile", "1000000", 2].closed is not None
    told = [] if version == "1.6" else [{"chargingLimitSource": "EMS"}]
    assert world["billing"].payloads("ClearedChargingLimit") == told
    world["energy"].open()
    assert clears(world, "energy", 1) == "Unknown"
    assert world["energy"].payloads("ClearedChargingLimit") == []


def test_one_that_is_back_in_time_keeps_its_limit() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    for _ in range(3):
        world["energy"].lose()
        world.wait(TTL - 10)
        world["energy"].open()
        world.wait(20)
    world.wait(2 * TTL)
    assert len(charger.profiles) == 1


@pytest.mark.parametrize(
    ("more", "stays"),
    [
        ({"validTo": "2027-01-01T00:00:00Z"}, True),
        ({}, False),
        ({"validFrom": "2025-01-01T00:00:00Z"}, False),
        ({"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}, False),
    ],
)
def test_what_ends_by_itself_is_left_to_end(more: dict[str, Any], stays: bool) -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max", **more)
    world["energy"].lose()
    world.wait(TTL + 5)
    assert (len(charger.profiles) == 1) is stays


@ALL
def test_a_duration_is_an_end(version: str) -> None:
    world, charger = world_of(version)
    made = profile(version, 1, "Max")
    inner = made["csChargingProfiles" if version == "1.6" else "chargingProfile"]["chargingSchedule"]
    (inner if version == "1.6" else inner[0])["duration"] = 86400
    world["energy"].call("SetChargingProfile", made)
    world["energy"].lose()
    world.wait(TTL + 5)
    assert len(charger.profiles) == 1


def test_billings_never_lapse() -> None:
    world, charger = world_of()
    sets(world, "billing", 1)
    world["billing"].lose()
    world.wait(10 * TTL)
    world.configure(ENERGY)
    world.wait(10 * TTL)
    assert list(charger.profiles) == [1]


def test_who_manages_energy_beside_billing_as_billing_never_lapses() -> None:
    world, charger = world_of("1.6", BILLING)
    sets(world, "billing", 1, "Max")
    world["billing"].lose()
    world.wait(2 * TTL)
    assert len(charger.profiles) == 1


def test_how_long_is_an_option() -> None:
    world, charger = world_of(energy_ttl=60)
    sets(world, "energy", 1, "Max")
    world["energy"].lose()
    world.wait(61)
    assert charger.profiles == {}


def test_a_route_that_is_switched_off_lapses() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world.configure(BILLING)
    world.wait(TTL + 1)
    assert charger.profiles == {}


def test_a_charger_that_is_away_then_is_told_when_it_is_back() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world["energy"].lose()
    world.disconnect()
    world.wait(TTL + 1)
    world.auto_open = False
    world.connect()
    world.wait(10)
    assert charger.profiles == {}


def test_an_energy_manager_is_not_dead_because_the_charger_was_away() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world.disconnect()
    world.wait(3 * TTL)
    world.connect()
    world.wait(3 * TTL)
    assert len(charger.profiles) == 1


def test_a_restart_keeps_counting() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world["energy"].lose()
    world.wait(TTL - 100)
    world.restart()
    world.auto_open = False
    world.connect()
    world.wait(90)
    assert len(charger.profiles) == 1
    world.wait(20)
    assert charger.profiles == {}


def test_one_that_never_comes_back_after_a_restart_lapses_too() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world.restart()
    world.auto_open = False
    world.connect()
    world.wait(TTL - 10)
    assert len(charger.profiles) == 1
    world.wait(20)
    assert charger.profiles == {}


def test_a_profile_that_is_taken_when_its_asker_has_gone_lapses_too() -> None:
    world, charger = world_of()
    charger.silent = True
    world["energy"].call("SetChargingProfile", profile("1.6", 1, "Max"), "m")
    world["energy"].lose()
    charger.silent = False
    charger.obey(world, world.commands[-1])
    assert len(charger.profiles) == 1
    world.wait(TTL + 1)
    assert charger.profiles == {}


def test_a_charger_that_is_silent_is_asked_again() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max")
    world["energy"].lose()
    charger.silent = True
    world.wait(TTL + 1)
    charger.silent = False
    world.wait(400)
    assert charger.profiles == {}


# -- changed rules -------------------------------------------------------------------------------------


def test_what_is_not_allowed_any_more_is_cleared() -> None:
    allowed = route(2, "energy", Role.CONTROL, {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW})
    world, charger = world_of("1.6", BILLING, allowed)
    sets(world, "energy", 1, level=3)
    sets(world, "energy", 2, "Max")
    world.configure(BILLING, ENERGY)
    world.wait(1)
    assert charger.limits("TxDefaultProfile") == {}
    assert len(charger.profiles) == 1


@ALL
@pytest.mark.parametrize("names", [("SetChargingProfile",), ("SetChargingProfile", "ClearChargingProfile")])
def test_the_limit_of_who_may_set_none_any_more_goes(version: str, names: tuple[str, ...]) -> None:
    world, charger = world_of(version)
    sets(world, "energy", 1, "Max", limit=0.0)
    sets(world, "billing", 1)
    world.configure(BILLING, route(2, "energy", Role.CONTROL, dict.fromkeys(names, Verdict.DENY)))
    world.wait(1)
    assert charger.limits(MAX[version]) == {}
    assert len(charger.profiles) == 1


@ALL
def test_a_change_of_mode_moves_or_clears(version: str) -> None:
    world, charger = world_of(version, smart_charging="banded")
    sets(world, "billing", 1, level=0, limit=10.0)
    sets(world, "energy", 1, level=0, limit=20.0)
    assert charger.limits("TxDefaultProfile") == {0: 10.0, 4: 20.0}
    world.options = ChargerOptions(smart_charging="banded", billing_stack_levels=5)
    world.configure(*world.routes)
    world.wait(1)
    assert charger.limits("TxDefaultProfile") == {0: 10.0, 6: 20.0}
    world.options = ChargerOptions()
    world.configure(*world.routes)
    world.wait(1)
    assert charger.limits("TxDefaultProfile") == {0: 10.0}


@ALL
@pytest.mark.parametrize("made", [(0, 1, 2), (2, 1, 0)], ids=str)
def test_profiles_that_move_do_not_meet(version: str, made: tuple[int, ...]) -> None:
    world, charger = world_of(version, smart_charging="banded", billing_stack_levels=1)
    for level in made:
        assert sets(world, "energy", level, level=level, limit=10.0 + level) == "Accepted"
    for last in (2, 1):
        world.options = ChargerOptions(smart_charging="banded", billing_stack_levels=last)
        world.configure(*world.routes)
        world.wait(1)
        assert charger.limits("TxDefaultProfile") == {last + 1 + n: 10.0 + n for n in range(3)}


def test_without_profiles_and_limits_nothing_is_asked_or_stored() -> None:
    world, _ = world_of()
    boot_again(world)
    world.configure(*world.routes)
    world["energy"].lose()
    world.wait(3600)
    assert world.commands == []
    assert not [key for key in world.database.latest if key[0].startswith("profile")]
