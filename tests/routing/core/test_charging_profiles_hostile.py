"""Whatever a backoffice or charger writes about profiles: nothing raises, and nobody loses a profile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.options import ChargerOptions
from tests.routing.core.harness import World
from tests.routing.core.profiles_charger import MAX, Charger, clear, profile, sets

ODD = st.sampled_from(
    [
        "null",
        "0",
        "-1",
        "1.5",
        "1e400",
        "9" * 40,
        '""',
        '"1"',
        '"\\u0031"',
        "true",
        "[]",
        "{}",
        "[[]]",
        '[{"id":1}]',
        '{"a":1}',
    ]
)
ACTIONS = (
    "SetChargingProfile",
    "ClearChargingProfile",
    "GetChargingProfiles",
    "start",
    "UpdateDynamicSchedule",
)


def tokens(payload: Any, path: str = "") -> list[str]:
    """Where in a payload there is something to spoil, as JSON text of its member."""
    if isinstance(payload, dict):
        return [path, *(t for k, v in payload.items() for t in tokens(v, f"{path}/{k}"))]
    if isinstance(payload, list):
        return [path, *(t for n, v in enumerate(payload) for t in tokens(v, f"{path}/{n}"))]
    return [path]


def spoilt(payload: Any, path: str, odd: str, twice: bool) -> str:
    """The payload with something odd in one place, or beside what stands there, under the same key."""

    def write(node: Any, here: str) -> str:
        if here == path and not twice:
            return odd
        if isinstance(node, dict):
            members = [f"{json.dumps(k)}:{write(v, f'{here}/{k}')}" for k, v in node.items()]
            members += [f"{json.dumps(k)}:{odd}" for k in node if twice and f"{here}/{k}" == path]
            return f"{{{','.join(members)}}}"
        if isinstance(node, list):
            return f"[{','.join(write(v, f'{here}/{n}') for n, v in enumerate(node))}]"
        return json.dumps(node)

    return write(payload, "")


def payload_for(version: str, action: str) -> tuple[str, Any]:
    made = profile(version, 1, "TxProfile", scope=1, validTo="2027-01-01T00:00:00Z")
    match action:
        case "SetChargingProfile":
            return action, profile(version, 1, "Max", 1, numberPhases=3, transactionId=1)
        case "ClearChargingProfile":
            return action, {**clear(version, 1), **clear(version, purpose="Max", level=0, scope=0)}
        case "GetChargingProfiles":
            criteria = {"chargingProfileId": [1, 2], "stackLevel": 0, "chargingProfilePurpose": MAX[version]}
            return action, {"requestId": 1, "evseId": 0, "chargingProfile": criteria}
        case "UpdateDynamicSchedule":
            return action, {"chargingProfileId": 1, "scheduleUpdate": {"limit": 63, "setpoint": 1}}
    if version == "1.6":
        start = {"connectorId": 1, "idTag": "A", "chargingProfile": made["csChargingProfiles"]}
        return "RemoteStartTransaction", start
    token = {"idToken": "A", "type": "Central"}
    return "RequestStartTransaction", {"remoteStartId": 1, "idToken": token, "evseId": 1, **made}


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("who", ["billing", "energy"])
@settings(max_examples=60, deadline=None)
@given(action=st.sampled_from(ACTIONS), odd=ODD, twice=st.booleans(), place=st.integers(0, 40))
def test_a_spoilt_call_touches_nobody_else(
    version: str, who: str, action: str, odd: str, twice: bool, place: int
) -> None:
    world = World(version=version, options=ChargerOptions(max_current=16))
    charger = Charger(world)
    world.boot()
    world.wait(40)
    sets(world, "billing", 1)
    sets(world, "energy", 1, "Max", limit=10.0)
    foreign = 1_000_000 if who == "billing" else 1
    kept = {foreign, 999_999}
    assert kept < set(charger.profiles)
    world.obey = World.accept
    world.commands.clear()
    name, payload = payload_for(version, action)
    places = tokens(payload)
    text = spoilt(payload, places[place % len(places)], odd, twice)
    if text[:1] != "{":
        return
    world[who].say(f'[2,"m","{name}",{text}]')
    answers = [frame for frame in world[who].answers if frame[1] == "m"]
    assert len(answers) == 1
    for _, _, sent, asked in world.commands:
        criteria = asked.get("chargingProfileCriteria", asked)
        number = asked.get("id", asked.get("chargingProfileId"))
        if sent == "ClearChargingProfile" and number is None:
            assert who == "billing"
            assert criteria["chargingProfilePurpose"] in ("TxDefaultProfile", "TxProfile")
        elif sent == "ClearChargingProfile":
            assert number not in kept


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("SetChargingProfile", '{"connectorId":0,"CsChargingProfiles":{@}}'),
        ("SetChargingProfile", '{"ConnectorId":1,"connectorId":0,"csChargingProfiles":{@}}'),
        ("SetChargingProfile", '{"connectorId":0,"csChargingProfiles":{"StackLevel":3,@}}'),
        ("SetChargingProfile", '{"connectorId":0,"csChargingProfiles":{"CHARGINGPROFILEID":1,@}}'),
        ("SetChargingProfile", '{"connectorId":0,"csChargingProfiles":{@,"chargingschedule":{}}}'),
        ("SetChargingProfile", '{"connectorId":0,"csChargingProfiles":{@@}}'),
        ("RemoteStartTransaction", '{"idTag":"A","ChargingProfile":{@}}'),
        ("ClearChargingProfile", '{"chargingProfilePurpose":"TxDefaultProfile","Id":1000000}'),
        ("ClearChargingProfile", '{"chargingProfilePurpose":"TxProfile","chargingprofilepurpose":"x"}'),
    ],
)
@pytest.mark.parametrize("name", ["billing", "energy"])
def test_what_a_careless_reader_would_see_is_not_passed_on(action: str, text: str, name: str) -> None:
    world = World()
    charger = Charger(world)
    world.boot()
    sets(world, "energy", 1, "Max")
    world.commands.clear()
    purpose = "ChargePointMaxProfile" if name == "energy" else "TxDefaultProfile"
    made = json.dumps(profile("1.6", 5, purpose)["csChargingProfiles"])
    text = text.replace("@@", made[1:-1].replace('"limit"', '"Limit": 63, "limit"'))
    text = text.replace("@", made[1:-1])
    world[name].say(f'[2,"m","{action}",{text}]')
    assert world[name].answers[-1][2]["status"] in ("Rejected", "Unknown")
    assert world.commands == []
    assert len(charger.profiles) == 1


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@settings(max_examples=60, deadline=None)
@given(odd=ODD, twice=st.booleans(), place=st.integers(0, 60))
def test_a_spoilt_report_shows_nobody_what_is_anothers(
    version: str, odd: str, twice: bool, place: int
) -> None:
    world = World(version=version)
    Charger(world)
    world.boot()
    sets(world, "billing", 4711)
    sets(world, "energy", 1, "Max")
    world["energy"].call("GetChargingProfiles", {"requestId": 1, "chargingProfile": {"stackLevel": 0}})
    request = world.commands[-1][3]["requestId"]
    entries = [profile(version, n, transactionId=f"T-{n}")["chargingProfile"] for n in (1_000_000, 4711)]
    report = {"requestId": request, "chargingLimitSource": "CSO", "evseId": 0, "chargingProfile": entries}
    places = tokens(report)
    text = spoilt(report, places[place % len(places)], odd, twice)
    if text[:1] != "{":
        return
    world.frame(f'[2,"r","ReportChargingProfiles",{text}]')
    assert world.answer_to("r")[:2] == [3, "r"]
    for frame in world["energy"].frames:
        assert "4711" not in frame
    for frame in world["billing"].frames:
        assert "T-1000000" not in frame
