"""The tenant's static limit: below everything, above nobody, and cleared by nobody (ocpp-semantics 6)."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from routing.core.charging_profiles.limits import Limit, literal, lower
from routing.core.charging_profiles.profiles import wire
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, World, route
from tests.routing.core.profiles_charger import MAX, Charger, asks, clears, profile, said, sets

VERSIONS = ("1.6", "2.0.1", "2.1")
ALL = pytest.mark.parametrize("version", VERSIONS)
LIMIT_ID = 999_999


def world_of(version: str = "1.6", *routes: Any, boots: bool = True, **options: Any) -> tuple[World, Charger]:
    world = World(*(routes or (BILLING, ENERGY)), version=version, options=ChargerOptions(**options))
    charger = Charger(world)
    if boots:
        world.boot()
        settle(world)
    return world, charger


def settle(world: World) -> None:
    """Time for what the proxy does on its own after a boot."""
    if world.version == "1.6":
        world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
    world.wait(5)


def set_options(world: World, **options: Any) -> None:
    world.options = ChargerOptions(**options)
    world.configure(*world.routes)
    world.wait(1)


# -- arithmetic ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amperes", "watts", "unit", "phases", "most"),
    [
        (16, None, "A", None, 16),
        (16, None, "A", 1, 16),
        (16, None, "W", None, 11040),
        (16, None, "W", 1, 3680),
        (16, None, "W", 7, 11040),
        (16, None, "W", 0, 3680),
        (None, 11040, "A", None, 16),
        (None, 11040, "W", 1, 11040),
        (32, 11040, "A", None, 16),
        (10, 11040, "A", None, 10),
        (10, 11040, "W", None, 6900),
        (32, 11040, "W", None, 11040),
    ],
)
def test_amperes_and_watts(amperes: Any, watts: Any, unit: str, phases: int | None, most: float) -> None:
    assert math.isclose(Limit(amperes, watts, 230, 3).within(unit, phases), most)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16, "16.0"),
        (16.05, "16.0"),
        (0.1, "0.1"),
        (1.1, "1.1"),
        (2.3, "2.3"),
        (15.99, "15.9"),
        (11040, "11040.0"),
    ],
)
def test_a_literal_has_one_decimal_and_is_never_more(value: float, text: str) -> None:
    assert literal(value) == text


@ALL
@pytest.mark.parametrize(
    ("period", "after"),
    [
        ('{"startPeriod":0,"limit":32.0}', '{"startPeriod":0,"limit":16.0}'),
        ('{"startPeriod":0,"limit":16.00}', '{"startPeriod":0,"limit":16.00}'),
        ('{"startPeriod":0,"limit":6.10, "x":1}', '{"startPeriod":0,"limit":6.10, "x":1}'),
        ('{"limit":"32"}', '{"limit":16.0}'),
        ('{"limit":null}', '{"limit":16.0}'),
        ('{"limit":1e400}', '{"limit":16.0}'),
        ('{"limit":true}', '{"limit":16.0}'),
        ('{"limit":99,"limit":1}', '{"limit":16.0,"limit":1}'),
        ('{"limit":5,"limit_L2":40,"limit_L3":3}', '{"limit":5,"limit_L2":16.0,"limit_L3":3}'),
        ('{"setpoint":40,"dischargeLimit":-40}', '{"setpoint":16.0,"dischargeLimit":-40}'),
        ('{"startPeriod":0}', '{"startPeriod":0,"limit":16.0}'),
        ('{"limit_L2":40}', '{"limit_L2":16.0,"limit":16.0}'),
        (
            '{"setpoint":0,"operationMode":"LocalFrequency","v2xBaseline":50000}',
            '{"setpoint":0,"operationMode":"LocalFrequency","v2xBaseline":50000,"limit":16.0}',
        ),
        (
            '{"setpoint":0,"operationMode":"CentralSetpoint"}',
            '{"setpoint":0,"operationMode":"CentralSetpoint"}',
        ),
    ],
)  # fmt: skip
def test_each_limit_is_lowered_and_nothing_else(version: str, period: str, after: str) -> None:
    text = json.dumps(profile(version, purpose="Max"))
    whole = text.replace('{"startPeriod": 0, "limit": 16.0}', f"{period},{period}")
    made = lower(whole, wire(version, "SetChargingProfile"), MAX[version], Limit(16, None, 230, 3))
    assert made == text.replace('{"startPeriod": 0, "limit": 16.0}', f"{after},{after}")


@pytest.mark.parametrize(
    ("head", "phases", "after"),
    [
        ('"chargingRateUnit":"W",', "", "11000"),
        ('"chargingRateUnit":"W",', ',"numberPhases":null', "11000"),
        ("", "", "16.0"),
        ('"chargingRateUnit":"w",', "", "16.0"),
        ('"chargingRateUnit":"A","chargingRateUnit":"W",', "", "16.0"),
        ('"chargingRateUnit":"W",', ',"numberPhases":1.0', "3680.0"),
        ('"chargingRateUnit":"W",', ',"numberPhases":"1"', "3680.0"),
        ('"chargingRateUnit":"W",', ',"numberPhases":1,"numberPhases":3', "3680.0"),
        ('"chargingRateUnit":"W",', ',"phaseToUse":2', "3680.0"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_read_as_the_lower_limit(head: str, phases: str, after: str) -> None:
    periods = f'"chargingSchedulePeriod":[{{"limit":11000{phases}}}]'
    text = f'{{"csChargingProfiles":{{"chargingSchedule":{{{head}{periods}}}}}}}'
    made = lower(text, wire("1.6", "SetChargingProfile"), MAX["1.6"], Limit(16, None, 230, 3))
    assert made == text.replace("11000", after)


def test_the_limit_at_a_state_of_charge_is_one_too() -> None:
    payload = profile("2.1", purpose="Max")
    payload["chargingProfile"]["chargingSchedule"][0]["limitAtSoC"] = {"soc": 80, "limit": 64}
    made = lower(json.dumps(payload), wire("2.1", "SetChargingProfile"), MAX["2.1"], Limit(16, None, 230, 3))
    assert json.loads(made)["chargingProfile"]["chargingSchedule"][0]["limitAtSoC"]["limit"] == 16


@ALL
@pytest.mark.parametrize(
    "schedule",
    [{"chargingRateUnit": "A", "chargingSchedulePeriod": []}, {"chargingRateUnit": "A"}, [], None, "other"],
    ids=["no periods", "none at all", "no schedule", "absent", "the other kind"],
)
def test_what_cannot_be_lowered_does_not_stand_above_the_limit(version: str, schedule: Any) -> None:
    world, charger = world_of(version, max_current=16)
    payload = profile(version, 1, "Max", limit=99.0)
    inner = payload["csChargingProfiles" if version == "1.6" else "chargingProfile"]
    whole = inner.pop("chargingSchedule")
    if schedule == "other":
        inner["chargingSchedule"] = [whole] if version == "1.6" else whole[0]
    elif schedule is not None:
        inner["chargingSchedule"] = [schedule] if version != "1.6" and schedule else schedule
    assert asks(world, "energy", "SetChargingProfile", payload) == "Rejected"
    assert charger.limits(MAX[version]) == {0: 16.0}


def test_watts_per_phase_are_a_share() -> None:
    text = json.dumps(profile("2.1", purpose="Max", unit="W", periods=[{"limit": 9000, "limit_L2": 9000}]))
    made = lower(text, wire("2.1", "SetChargingProfile"), MAX["2.1"], Limit(None, 9000, 230, 3))
    assert json.loads(made)["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {"limit": 3000.0, "limit_L2": 3000.0}
    ]


def test_other_purposes_are_not_lowered() -> None:
    text = json.dumps(profile("1.6", limit=99.0))
    assert lower(text, wire("1.6", "SetChargingProfile"), "TxDefaultProfile", Limit(16, None, 230, 3)) is text


# -- at the charger ------------------------------------------------------------------------------------


@ALL
def test_the_limit_is_set_after_the_boot(version: str) -> None:
    world, charger = world_of(version, max_current=16)
    assert list(charger.profiles) == [LIMIT_ID]
    assert charger.limits(MAX[version]) == {0: 16.0}
    assert world.database.alarms == {}


@pytest.mark.parametrize(
    "routes", [(ENERGY,), (route(4, "observer", Role.OBSERVE),)], ids=["energy", "observer"]
)
def test_without_billing_the_limit_is_set_as_well(routes: Any) -> None:
    _, charger = world_of("1.6", *routes, max_current=16)
    assert charger.limits("ChargePointMaxProfile") == {0: 16.0}


@pytest.mark.parametrize(
    ("options", "unit", "limit"),
    [({"max_power": 11000}, "W", 11000.0), ({"max_power": 11000, "max_current": 32}, "A", 15.9)],
)
def test_the_unit_of_the_limit(options: dict[str, Any], unit: str, limit: float) -> None:
    _world, charger = world_of(**options)
    assert charger.profiles[LIMIT_ID]["chargingSchedule"]["chargingRateUnit"] == unit
    assert charger.limits("ChargePointMaxProfile") == {0: limit}


@pytest.mark.parametrize(
    ("allowed", "unit"),
    [("Power", "W"), ("Current", "A"), ("W", "W"), ("A", "A"), ("Current,Power", "A"), ("nonsense", "A")],
)
def test_the_unit_is_one_that_the_charger_takes(allowed: str, unit: str) -> None:
    world, charger = world_of()
    keys = f'[{{"key":"ChargingScheduleAllowedChargingRateUnit","readonly":true,"value":"{allowed}"}}]'
    world.obey = lambda w, f: w.frame(f'[3,"{f[1]}",{{"configurationKey":{keys}}}]')
    asked = {"key": ["ChargingScheduleAllowedChargingRateUnit"]}
    world["billing"].call("GetConfiguration", asked, "g")
    world.obey = charger.obey
    set_options(world, max_current=16)
    assert charger.profiles[LIMIT_ID]["chargingSchedule"]["chargingRateUnit"] == unit


@ALL
@pytest.mark.parametrize("role", list(Role))
def test_no_role_clears_or_replaces_it(version: str, role: Role) -> None:
    everything = dict.fromkeys(
        ("SetChargingProfile", "ClearChargingProfile", f"SetChargingProfile:{MAX[version]}"), Verdict.ALLOW
    )
    mine = route(2, "asker", role, everything)
    routes = (mine,) if role is Role.BILLING else (BILLING, mine)
    world, charger = world_of(version, *routes, max_current=16)
    before = dict(charger.profiles[LIMIT_ID])
    for criteria in ({}, {"number": LIMIT_ID}, {"purpose": "Max"}, {"level": 0}, {"scope": 0}):
        clears(world, "asker", **criteria)
    for number, level in ((LIMIT_ID, 0), (LIMIT_ID, 1), (1, 0)):
        assert sets(world, "asker", number, "Max", level, limit=63.0) == "Accepted"
    clears(world, "asker")
    assert charger.profiles == {LIMIT_ID: before}


@ALL
def test_the_energy_owners_limits_stay_below_it(version: str) -> None:
    world, charger = world_of(version, max_current=16)
    assert sets(world, "energy", 1, "Max", 0, limit=32.0) == "Accepted"
    assert sets(world, "energy", 2, "Max", 1, limit=10.0) == "Accepted"
    assert sets(world, "billing", 1, limit=32.0) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 16.0, 1: 16.0, 2: 10.0}
    assert charger.limits("TxDefaultProfile") == {0: 32.0}
    assert clears(world, "energy", purpose="Max", level=1) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 16.0, 1: 16.0}


def test_what_is_added_to_the_limit_is_refused() -> None:
    world, _ = world_of("2.1", max_current=16)
    assert sets(world, "energy", 1, "LocalGeneration") == "Rejected"


def test_where_the_charger_has_no_further_level_the_limit_has_it() -> None:
    world, charger = world_of(max_current=16)
    keys = '[{"key":"ChargeProfileMaxStackLevel","readonly":true,"value":"0"}]'
    world.obey = lambda w, f: w.frame(f'[3,"{f[1]}",{{"configurationKey":{keys}}}]')
    world["billing"].call("GetConfiguration", {"key": ["ChargeProfileMaxStackLevel"]}, "g")
    world.obey = charger.obey
    assert sets(world, "energy", 1, "Max", 0) == "Rejected"


@ALL
def test_a_limit_that_is_set_later_moves_what_is_there(version: str) -> None:
    world, charger = world_of(version)
    for level in range(3):
        assert sets(world, "energy", 10 + level, "Max", level, limit=32.0 - level) == "Accepted"
    charger._set(profile(version, 77, "Max", 7, limit=63.0))  # older than the proxy
    set_options(world, max_current=31)
    assert charger.limits(MAX[version]) == {0: 31.0, 1: 31.0, 2: 31.0, 3: 30.0}
    set_options(world, max_power=6900)
    assert charger.limits(MAX[version]) == {0: 6900.0, 1: 10.0, 2: 10.0, 3: 10.0}
    set_options(world)
    assert charger.limits(MAX[version]) == {0: 32.0, 1: 31.0, 2: 30.0}
    assert clears(world, "energy") == "Accepted"
    assert charger.profiles == {}


@ALL
def test_a_profile_that_the_charger_does_not_lower_goes(version: str) -> None:
    world, charger = world_of(version, max_current=32)
    sets(world, "energy", 1, "Max", limit=30.0)
    take = charger._set

    def refuse_energy(payload: Any) -> str:
        new = payload["csChargingProfiles" if version == "1.6" else "chargingProfile"]
        return "Rejected" if new["stackLevel"] else take(payload)

    charger._set = refuse_energy  # type: ignore[method-assign]  # this charger alone
    set_options(world, max_current=16)
    assert charger.limits(MAX[version]) == {0: 16.0}
    assert any(report.kind == "profile" for report in world.reports)


@ALL
@pytest.mark.parametrize("before", [{}, {"max_current": 32}], ids=["first", "lowered"])
def test_a_limit_holds_for_what_a_route_that_is_gone_has_left(version: str, before: Any) -> None:
    world, charger = world_of(version, **before)
    sets(world, "energy", 1, "Max", limit=30.0, validTo="2030-01-01T00:00:00Z")
    world.configure(BILLING)
    set_options(world, max_current=16)
    assert charger.limits(MAX[version]) == {0: 16.0}


@ALL
@pytest.mark.parametrize("code", ["InternalError", "GenericError", "NotSupported"])
def test_what_the_charger_fails_to_clear_is_cleared_later(version: str, code: str) -> None:
    world, charger = world_of(version)
    if code != "NotSupported":
        sets(world, "energy", 1, "Max", limit=40.0)

    def fail(world: World, frame: Any) -> None:
        if frame[2] == "ClearChargingProfile":
            world.frame(json.dumps([4, frame[1], code, "", {}]))
        else:
            charger.obey(world, frame)

    world.obey = fail
    set_options(world, max_current=16)
    if code != "NotSupported":
        world.obey = charger.obey
        world.wait(400)
    assert max(charger.limits(MAX[version]).values()) == 16.0
    world.commands.clear()
    world.wait(1000)
    assert world.commands == []


def test_what_changes_while_the_charger_is_away_is_done_when_it_is_back() -> None:
    world, charger = world_of(max_current=16)
    world.disconnect()
    set_options(world, max_current=20)
    assert charger.limits("ChargePointMaxProfile") == {0: 16.0}
    world.connect()
    world.wait(5)
    assert charger.limits("ChargePointMaxProfile") == {0: 20.0}
    before = len(world.commands)
    world.disconnect()
    world.connect()
    world.wait(400)
    assert len(world.commands) == before


def test_a_charger_that_refuses_the_limit_raises_an_alarm() -> None:
    world, charger = world_of(boots=False, max_current=16)
    charger.refuses = True
    world.boot()
    settle(world)
    alarm = world.database.alarms["limit not set", ""]
    assert alarm.cleared is None
    assert "Rejected" in alarm.text
    charger.refuses = False
    world.wait(310)
    assert charger.limits("ChargePointMaxProfile") == {0: 16.0}
    assert world.database.alarms["limit not set", ""].cleared is not None


def test_a_charger_that_cannot_is_asked_now_and_then_only() -> None:
    world, _charger = world_of(boots=False, max_current=16)
    world.obey = lambda w, f: w.frame(f'[4,"{f[1]}","NotImplemented","no",{{}}]')
    world.boot()
    settle(world)
    assert "NotImplemented" in world.database.alarms["limit not set", ""].text
    world.commands.clear()
    world.wait(3600)
    assert 10 <= len(world.commands) <= 13


def test_the_alarm_goes_with_the_limit() -> None:
    world, charger = world_of(boots=False, max_current=16)
    charger.refuses = True
    world.boot()
    settle(world)
    set_options(world)
    assert world.database.alarms["limit not set", ""].cleared is not None


@ALL
def test_the_limit_is_nobodys_after_a_restart_too(version: str) -> None:
    world, charger = world_of(version, max_current=16)
    world.restart()
    world.connect()
    world.wait(5)
    assert sets(world, "billing", LIMIT_ID) == "Accepted"
    assert clears(world, "billing", LIMIT_ID) == "Accepted"
    assert clears(world, "energy", LIMIT_ID) == "Unknown"
    assert charger.limits(MAX[version]) == {0: 16.0}


def test_an_id_that_billing_has_is_not_taken_for_the_limit() -> None:
    world, charger = world_of()
    sets(world, "billing", LIMIT_ID)
    set_options(world, max_current=16)
    assert charger.limits("TxDefaultProfile") == {0: 16.0}
    assert charger.limits("ChargePointMaxProfile") == {0: 16.0}
    assert len(charger.profiles) == 2


# -- dynamic schedules ---------------------------------------------------------------------------------


def test_an_update_stays_below_the_limit() -> None:
    world, _charger = world_of("2.1", max_current=16)
    sets(world, "energy", 1, "Max", chargingProfileKind="Dynamic")
    sets(world, "billing", 1, chargingProfileKind="Dynamic")
    update = {"chargingProfileId": 1, "scheduleUpdate": {"limit": 32, "limit_L2": 8, "dischargeLimit": -3}}
    assert asks(world, "energy", "UpdateDynamicSchedule", update) == "Accepted"
    assert world.commands[-1][3] == {
        "chargingProfileId": 1_000_000,
        "scheduleUpdate": {"limit": 16.0, "limit_L2": 8, "dischargeLimit": -3},
    }
    assert asks(world, "billing", "UpdateDynamicSchedule", update) == "Accepted"
    assert world.commands[-1][3] == update


def test_an_update_that_the_charger_asks_for_stays_below_the_limit() -> None:
    world, _ = world_of("2.1", max_current=16)
    sets(world, "energy", 1, "Max", chargingProfileKind="Dynamic")
    answer = {"status": "Accepted", "scheduleUpdate": {"limit": 32}}
    world["energy"].behave = lambda b, m, a, p: b.result(m, answer)
    assert world.call("PullDynamicScheduleUpdate", {"chargingProfileId": 1_000_000})[2] == {
        "status": "Accepted",
        "scheduleUpdate": {"limit": 16.0},
    }


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        ({"status": "Accepted", "scheduleUpdate": {"limit": 1, "Limit": 63}}, {"status": "Rejected"}),
        ({"status": "Rejected"}, {"status": "Rejected"}),
        ({}, {}),
    ],
)
def test_an_odd_answer_does_not_lift_the_limit(answer: Any, heard: Any) -> None:
    world, _ = world_of("2.1", max_current=16)
    sets(world, "energy", 1, "Max", chargingProfileKind="Dynamic")
    world["energy"].behave = lambda b, m, a, p: b.result(m, answer)
    assert world.call("PullDynamicScheduleUpdate", {"chargingProfileId": 1_000_000})[2] == heard


def test_nobody_updates_the_limit_itself() -> None:
    world, _ = world_of("2.1", max_current=16)
    for name in ("billing", "energy"):
        world[name].call(
            "UpdateDynamicSchedule", {"chargingProfileId": LIMIT_ID, "scheduleUpdate": {"limit": 1}}
        )
        assert said(world, name) == "Rejected"
    answer = world.call("PullDynamicScheduleUpdate", {"chargingProfileId": LIMIT_ID})
    assert answer[2]["status"] == "Rejected"


def test_a_limit_is_more_than_nothing() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"max_current": 0}, ChargerOptions)


@pytest.mark.parametrize("name", ["SmartChargingCtrlr.Enabled", "smartchargingctrlr.ENABLED "])
def test_nobody_switches_off_what_holds_the_limit(name: str) -> None:
    world, _ = world_of(
        "2.0.1", BILLING, route(2, "energy", Role.ENERGY, {f"SetVariables:{name}": Verdict.ALLOW})
    )
    component, _, variable = name.partition(".")
    item = {"component": {"name": component}, "variable": {"name": variable}}

    def switched(value: str) -> bool:
        world.commands.clear()
        world["energy"].call("SetVariables", {"setVariableData": [{"attributeValue": value, **item}]})
        return any(frame[2] == "SetVariables" for frame in world.commands)

    assert switched("false")
    set_options(world, max_current=16)
    assert not switched("false")
    assert not switched(" False")
    assert switched("true")
