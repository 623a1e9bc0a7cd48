"""Who may set which charging profile, and what becomes of it: ocpp-semantics 3.4 and 6."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from tests.routing.core.harness import BILLING, ENERGY, World, event, route, start, stop
from tests.routing.core.profiles_charger import MAX, Charger, asks, profile, sets

VERSIONS = ("1.6", "2.0.1", "2.1")
EMS = route(3, "ems", Role.ENERGY)
OBSERVER = route(4, "observer", Role.OBSERVE)
SERVICE = route(5, "service", Role.SERVICE)


def world_of(*routes: RouteSnapshot, version: str = "1.6", **options: Any) -> tuple[World, Charger]:
    world = World(
        *(routes or (BILLING, ENERGY)),
        version=version,
        options=ChargerOptions(**options),
        first_numbers=(100, 900, 500, 600, 700),
    )
    world.boot()
    return world, Charger(world)


def begin(world: World, connector: int = 1) -> int | str:
    """A session; its transaction as the charger calls it."""
    if world.version == "1.6":
        return int(world.call("StartTransaction", start(connector))[2]["transactionId"])
    world.call("TransactionEvent", event("Started", 0, "T-1", "CARD", evse={"id": connector}))
    return "T-1"


SPLIT = [
    ("Max", "energy"),
    ("TxDefaultProfile", "billing"),
    ("TxProfile", "billing"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("purpose", "owner"), SPLIT)
def test_in_split_each_purpose_has_one_owner(version: str, purpose: str, owner: str) -> None:
    world, charger = world_of(BILLING, ENERGY, OBSERVER, SERVICE, version=version)
    number = begin(world)
    theirs = {"billing": number, "energy": 900 if version == "1.6" else number}
    for name in ("billing", "energy", "observer", "service"):
        more = {"transactionId": theirs.get(name, number)} if purpose == "TxProfile" else {}
        scope = 1 if purpose == "TxProfile" else 0
        before = len(world.commands)
        status = sets(world, name, 1, purpose, scope=scope, **more)
        assert status == ("Accepted" if name == owner else "Rejected"), name
        assert len(world.commands) - before == (name == owner)
    assert len(charger.profiles) == 1


@pytest.mark.parametrize(
    ("purpose", "owner"),
    [
        ("PriorityCharging", "billing"),
        ("LocalGeneration", "energy"),
        ("ChargingStationExternalConstraints", None),
    ],
)
def test_purposes_that_2_1_adds(purpose: str, owner: str | None) -> None:
    world, _ = world_of(version="2.1")
    for name in ("billing", "energy"):
        assert sets(world, name, 1, purpose) == ("Accepted" if name == owner else "Rejected"), name


@pytest.mark.parametrize("purpose", ["PriorityCharging", "LocalGeneration", "Chargingstationmaxprofile", ""])
def test_a_purpose_that_the_version_has_not_is_refused(purpose: str) -> None:
    world, _ = world_of(version="2.0.1")
    assert sets(world, "billing", 1, purpose) == "Rejected"
    assert world.commands == []


@pytest.mark.parametrize("routes", [(BILLING,), (ENERGY,), (BILLING, OBSERVER)], ids=len)
@pytest.mark.parametrize("purpose", ["Max", "TxDefaultProfile"])
def test_who_is_alone_has_every_purpose(routes: tuple[RouteSnapshot, ...], purpose: str) -> None:
    world, _ = world_of(*routes)
    assert sets(world, routes[0].backoffice, 1, purpose) == "Accepted"


def test_the_role_energy_goes_before_control() -> None:
    world, _ = world_of(BILLING, ENERGY, EMS)
    assert sets(world, "energy", 1, "Max") == "Rejected"
    assert sets(world, "ems", 1, "Max") == "Accepted"


def test_a_denial_names_its_rule() -> None:
    world, _ = world_of()
    sets(world, "energy", 1)
    row = world.database.messages[-1]
    assert (row.outcome, row.rule) == ("denied", "smart_charging split: TxDefaultProfile is of billing")


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.ALLOW, "Accepted"), (Verdict.GUARD, "Accepted"), (Verdict.DENY, "Rejected")],
)
@pytest.mark.parametrize("source", ["permissions", "preset"])
def test_a_permission_for_a_purpose_goes_before_its_owner(verdict: Verdict, status: str, source: str) -> None:
    mine = msgspec.structs.replace(ENERGY, **{source: {"SetChargingProfile:TxDefaultProfile": verdict}})
    world, _ = world_of(BILLING, mine)
    assert sets(world, "energy", 1, "TxDefaultProfile") == status
    assert sets(world, "energy", 2, "Max") == "Accepted"


def test_a_permission_may_take_a_purpose_from_its_owner() -> None:
    world, _ = world_of(
        route(1, "billing", Role.BILLING, {"SetChargingProfile:TxDefaultProfile": Verdict.DENY})
    )
    assert sets(world, "billing", 1, "TxDefaultProfile") == "Rejected"
    assert sets(world, "billing", 1, "Max") == "Accepted"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_permission_lets_nobody_replace_anothers_profile(version: str) -> None:
    allowed = {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW}
    world, charger = world_of(BILLING, route(2, "energy", Role.CONTROL, allowed), version=version)
    assert sets(world, "billing", 1, limit=10.0) == "Accepted"
    assert sets(world, "energy", 1, limit=20.0) == "Rejected"
    assert sets(world, "energy", 1, level=1, limit=20.0) == "Accepted"
    assert sets(world, "billing", 2, level=1) == "Rejected"
    assert charger.limits("TxDefaultProfile") == {0: 10.0, 1: 20.0}


def test_what_the_charger_replaces_of_ones_own_is_forgotten() -> None:
    world, charger = world_of()
    for number in (1, 2, 1):
        assert sets(world, "energy", number, "Max", limit=float(number)) == "Accepted"
    assert len(charger.profiles) == 1
    assert charger.limits("ChargePointMaxProfile") == {0: 1.0}
    rows = [row for row in world.database.identifiers.values() if row.closed is None]
    assert [row.route_identifier for row in rows] == ["1"]


@pytest.mark.parametrize(
    ("key", "set_status", "start_status"),
    [
        ("SetChargingProfile:Tx*", "Accepted", "Accepted"),
        ("SetChargingProfile:TXPROFILE", "Accepted", "Accepted"),
        ("RemoteStartTransaction:TxProfile", "Rejected", "Accepted"),
        ("SetChargingProfile", "Rejected", "Rejected"),
        ("SetChargingProfile:TxDefault*", "Rejected", "Rejected"),
    ],
)
def test_permissions_are_read_as_everywhere(key: str, set_status: str, start_status: str) -> None:
    world, _ = world_of(BILLING, route(2, "energy", Role.CONTROL, {key: Verdict.ALLOW}))
    asked = remote_start("1.6")
    assert asks(world, "energy", "RemoteStartTransaction", {**asked, "connectorId": 2}) == start_status
    begin(world)
    assert sets(world, "energy", 1, "TxProfile", scope=1, transactionId=900) == set_status


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("second", [1, 2])
def test_of_two_that_wait_in_one_place_the_newer_counts(version: str, second: int) -> None:
    world, charger = world_of(version=version)
    assert sets(world, "energy", 1, "Max", 3, limit=5.0) == "Accepted"
    charger.silent = True
    world["billing"].call("SetChargingProfile", profile(version), "b")
    held = world.commands[-1]
    world["energy"].call("SetChargingProfile", profile(version, 1, "Max", limit=10.0), "m1")
    world["energy"].call("SetChargingProfile", profile(version, second, "Max", limit=20.0), "m2")
    charger.silent = False
    charger.obey(world, held)
    world.wait(10)
    one_place = version == "1.6" or second == 1
    statuses = {frame[1]: frame[2]["status"] for frame in world["energy"].answers[1:]}
    assert statuses == {"m1": "Accepted", "m2": "Accepted" if one_place else "Rejected"}
    assert charger.limits(MAX[version]) == {0: 20.0 if one_place else 10.0}
    rows = [r for r in world.database.identifiers.values() if r.closed is None and r.route == 2]
    assert [int(row.route_identifier) for row in rows] == [second if one_place else 1]


def test_two_that_set_at_once_do_not_replace_each_other() -> None:
    allowed = {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW}
    world, charger = world_of(BILLING, route(2, "energy", Role.CONTROL, allowed))
    charger.silent = True
    world["billing"].call("SetChargingProfile", profile("1.6"), "a")
    assert sets(world, "energy", 1) == "Rejected"


@pytest.mark.parametrize("version", VERSIONS)
def test_both_set_profile_1_under_ids_of_their_own(version: str) -> None:
    world, charger = world_of(version=version)
    assert sets(world, "billing", 1) == sets(world, "energy", 1, "Max") == "Accepted"
    assert {n: p["chargingProfilePurpose"] for n, p in charger.profiles.items()} == {
        1: "TxDefaultProfile",
        1_000_000: MAX[version],
    }
    assert sets(world, "energy", 1, "Max", limit=8.0) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 8.0}


def test_what_needs_no_change_is_passed_on_byte_for_byte() -> None:
    world, _ = world_of()
    text = (
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId": 7,"stackLevel":0,"x":1.10,'
        '"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":'
        '{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":6.50}]}}}'
    )
    world.obey = None
    world["billing"].say(f'[2,"m","SetChargingProfile",{text}]')
    assert text in world.to_charger[-1]


# -- shape ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"connectorId":0,"csChargingProfiles":null}',
        '{"connectorId":0,"csChargingProfiles":[]}',
        '{"connectorId":0,"csChargingProfiles":{}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":"1","stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":"0","chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":-1,"chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1e400,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":"0","csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":["TxDefaultProfile"]}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"chargingProfileId":2,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfilePurpose":"ChargePointMaxProfile"}}',
        '{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","transactionId":{}}}',
    ],
)
def test_a_profile_that_cannot_be_read_is_not_passed_on(text: str) -> None:
    world, _ = world_of()
    for name in ("billing", "energy"):
        world[name].say(f'[2,"m","SetChargingProfile",{text}]')
        assert world[name].answers[-1] == [3, "m", {"status": "Rejected"}]
    assert world.commands == []


@pytest.mark.parametrize(
    ("purpose", "scope", "status"),
    [
        ("Max", 0, "Accepted"),
        ("Max", 1, "Rejected"),
        ("TxDefaultProfile", 1, "Accepted"),
        ("TxProfile", 0, "Rejected"),
    ],
)
def test_the_connectors_of_1_6(purpose: str, scope: int, status: str) -> None:
    world, _ = world_of(BILLING)
    begin(world)
    more = {"transactionId": 100} if purpose == "TxProfile" else {}
    assert sets(world, "billing", 1, purpose, scope=scope, **more) == status


# -- transactions --------------------------------------------------------------------------------------


def test_a_profile_of_a_session_has_the_chargers_number() -> None:
    allowed = {"SetChargingProfile:TxProfile": Verdict.ALLOW}
    world, charger = world_of(BILLING, route(2, "energy", Role.CONTROL, allowed))
    begin(world)
    assert sets(world, "energy", 1, "TxProfile", scope=1, transactionId=100) == "Rejected"
    assert sets(world, "energy", 1, "TxProfile", scope=1, transactionId=900) == "Accepted"
    assert charger.profiles[1_000_000]["transactionId"] == 100


@pytest.mark.parametrize(("connectors", "status"), [((1,), "Accepted"), ((2,), "Rejected"), ((), "Rejected")])
def test_a_forgotten_number_is_added_where_one_session_runs(connectors: tuple[int, ...], status: str) -> None:
    world, charger = world_of()
    numbers = [begin(world, connector) for connector in connectors]
    assert sets(world, "billing", 1, "TxProfile", scope=1) == status
    if status == "Accepted":
        assert charger.profiles[1]["transactionId"] == numbers[0]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_profile_of_a_session_without_its_id_is_refused_in_2(version: str) -> None:
    world, _ = world_of(version=version)
    begin(world)
    assert sets(world, "billing", 1, "TxProfile", scope=1) == "Rejected"
    assert sets(world, "billing", 1, "TxProfile", scope=1, transactionId="T-1") == "Accepted"


@pytest.mark.parametrize("number", [100, 5, -1])
def test_a_number_where_none_belongs_is_left_out(number: int) -> None:
    world, charger = world_of()
    begin(world)
    assert sets(world, "billing", 1, transactionId=number) == "Accepted"
    assert "transactionId" not in charger.profiles[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_with_the_session_its_profiles_end(version: str) -> None:
    world, _charger = world_of(version=version)
    number = begin(world)
    sets(world, "billing", 1, "TxProfile", scope=1, transactionId=number)
    sets(world, "billing", 2)
    assert set(world.database.latest) >= {("profile", "1/1"), ("profile", "1/2")}
    if version == "1.6":
        world.call("StopTransaction", stop(int(number)))
    else:
        world.call("TransactionEvent", event("Ended", 1, "T-1"))
    kept = {key for key, row in world.database.latest.items() if key[0] == "profile" and row.payload}
    assert kept == {("profile", "1/2")}
    assert world.database.identifiers["profile", "1", 1].closed is not None
    assert world.database.identifiers["profile", "2", 1].closed is None


# -- limits of zero ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 0.0, -1, 0.05])
def test_only_whose_a_purpose_is_may_forbid_charging_in_it(limit: float) -> None:
    allowed = {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW}
    world, _charger = world_of(BILLING, route(2, "energy", Role.CONTROL, allowed))
    world.obey = World.accept
    periods = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 60, "limit": limit}]
    assert sets(world, "energy", 1, periods=periods) == "Rejected"
    assert sets(world, "energy", 1, "Max", periods=periods) == "Accepted"
    assert sets(world, "billing", 1, periods=periods) == "Accepted"


# -- banded --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_in_banded_the_energy_owners_levels_are_above_billings(version: str) -> None:
    world, charger = world_of(
        version=version, smart_charging="banded", billing_stack_levels=2, max_stack_level=5
    )
    billing = [sets(world, "billing", 10 + level, level=level) for level in range(5)]
    energy = [sets(world, "energy", 10 + level, level=level, limit=8.0) for level in range(5)]
    assert billing == energy == ["Accepted"] * 3 + ["Rejected"] * 2
    assert charger.limits("TxDefaultProfile") == {0: 16.0, 1: 16.0, 2: 16.0, 3: 8.0, 4: 8.0, 5: 8.0}


def test_what_the_charger_says_of_its_levels_counts() -> None:
    world, charger = world_of(smart_charging="banded", billing_stack_levels=1, max_stack_level=8)
    world.obey = lambda w, f: w.frame(
        f'[3,"{f[1]}",{{"configurationKey":[{{"key":"ChargeProfileMaxStackLevel","readonly":true,"value":"2"}}]}}]'
    )
    world["billing"].call("GetConfiguration", {"key": ["ChargeProfileMaxStackLevel"]}, "g")
    world.obey = charger.obey
    assert [sets(world, "energy", 1 + level, level=level) for level in range(2)] == ["Accepted", "Rejected"]


def test_in_banded_the_limit_of_the_whole_charger_stays_the_energy_owners() -> None:
    world, charger = world_of(smart_charging="banded")
    assert sets(world, "billing", 1, "Max") == "Rejected"
    assert sets(world, "energy", 1, "Max") == "Accepted"
    assert charger.limits("ChargePointMaxProfile") == {0: 16.0}


# -- remote starts -------------------------------------------------------------------------------------


def remote_start(
    version: str, number: int = 1, purpose: str = "TxProfile", level: int = 0, **more: Any
) -> Any:
    made = profile(version, number, purpose, level, **more)
    if version == "1.6":
        return {"connectorId": 1, "idTag": "CARD", "chargingProfile": made["csChargingProfiles"]}
    token = {"idToken": "CARD", "type": "Central"}
    return {"evseId": 1, "idToken": token, "remoteStartId": 5, "chargingProfile": made["chargingProfile"]}


def start_action(version: str) -> str:
    return "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_profile_of_a_remote_start_is_billings(version: str) -> None:
    world, _ = world_of(version=version)
    action = start_action(version)
    assert asks(world, "energy", action, remote_start(version)) == "Rejected"
    assert world.commands == []
    assert (
        asks(world, "billing", action, remote_start(version, transactionId=7 if version == "1.6" else "7"))
        == "Accepted"
    )
    assert "transactionId" not in world.commands[-1][3]["chargingProfile"]
    for purpose in ("TxDefaultProfile", MAX[version]):
        assert asks(world, "billing", action, remote_start(version, purpose=purpose)) == "Rejected"


@pytest.mark.parametrize("version", VERSIONS)
def test_in_banded_the_profile_of_a_remote_start_is_in_its_band(version: str) -> None:
    world, _ = world_of(version=version, smart_charging="banded")
    assert asks(world, "energy", start_action(version), remote_start(version, level=1)) == "Accepted"
    sent = world.commands[-1][3]["chargingProfile"]
    assert (sent["stackLevel"], sent.get("id", sent.get("chargingProfileId"))) == (5, 1_000_000)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_profile_of_a_remote_start_ends_with_its_session(version: str) -> None:
    world, _ = world_of(version=version)
    assert asks(world, "billing", start_action(version), remote_start(version)) == "Accepted"
    number = begin(world)
    world.wait(10)
    assert world.database.identifiers["profile", "1", 1].closed is None
    if version == "1.6":
        world.call("StopTransaction", stop(int(number)))
    else:
        world.call("TransactionEvent", event("Ended", 1, "T-1"))
    assert world.database.identifiers["profile", "1", 1].closed is not None
    assert not world.database.latest["profile", "1/1"].payload


@pytest.mark.parametrize("begins", [True, False])
def test_a_boot_ends_the_profile_of_a_start_that_nobody_came_for(begins: bool) -> None:
    world, _ = world_of()
    asks(world, "billing", "RemoteStartTransaction", remote_start("1.6"))
    if begins:
        begin(world)
    world.boot()
    assert (world.database.identifiers["profile", "1", 1].closed is None) is begins


# -- what the charger says -----------------------------------------------------------------------------


def test_what_the_charger_refuses_is_nobodys() -> None:
    world, charger = world_of()
    charger.refuses = True
    assert sets(world, "energy", 1, "Max") == "Rejected"
    assert world.database.identifiers["profile", "1000000", 2].closed is not None
    assert not [key for key in world.database.latest if key[0] == "profile"]


def test_a_profile_in_doubt_is_cleared_when_the_charger_answers_again() -> None:
    world, charger = world_of()
    charger.silent = True
    sets_ = profile("1.6", 1, "Max")
    world["energy"].call("SetChargingProfile", sets_, "m")
    charger._set(world.commands[-1][3])  # it has carried it out, and its answer was lost
    world.wait(46)
    assert world["energy"].answers[-1][:3] == [4, "m", "GenericError"]
    charger.silent = False
    world.wait(400)
    assert charger.profiles == {}
    assert not [key for key, row in world.database.latest.items() if key[0] == "profile" and row.payload]


@pytest.mark.parametrize("name", ["billing", "energy"])
def test_what_is_set_again_at_once_is_not_in_doubt(name: str) -> None:
    world, charger = world_of()
    charger.silent = True
    purpose = "Max" if name == "energy" else "TxDefaultProfile"
    world[name].call("SetChargingProfile", profile("1.6", 1, purpose, limit=10.0), "a")
    world.wait(40)
    world[name].call("SetChargingProfile", profile("1.6", 1, purpose, limit=20.0), "b")
    world.wait(6)
    charger.silent = False
    charger.obey(world, world.commands[-1])
    world.wait(400)
    assert [frame[1] for frame in world[name].answers] == ["a", "b"]
    assert charger.limits(MAX["1.6"] if name == "energy" else purpose) == {0: 20.0}
    assert [row.closed for row in world.database.identifiers.values()] == [None]


def test_what_could_not_be_stored_in_time_is_never_sent() -> None:
    world, charger = world_of()
    world.commit_at_once = False
    world["energy"].call("SetChargingProfile", profile("1.6", 1, "Max"), "m")
    world.wait(60)
    assert world["energy"].answers[-1][:3] == [4, "m", "GenericError"]
    assert world.commands == []
    world.commit_at_once = True
    world.commit()
    world.wait(400)
    assert [frame[2] for frame in world.commands] == ["ClearChargingProfile"]
    assert charger.profiles == {}


def test_a_replacement_in_doubt_becomes_what_its_owner_knows() -> None:
    world, charger = world_of()
    sets(world, "energy", 1, "Max", limit=10.0)
    charger.silent = True
    world["energy"].call("SetChargingProfile", profile("1.6", 1, "Max", limit=20.0), "m")
    charger._set(world.commands[-1][3])
    world.disconnect()
    charger.silent = False
    world.connect()
    world.wait(10)
    assert charger.limits("ChargePointMaxProfile") == {0: 10.0}


def test_a_charger_that_cannot_is_the_askers_to_know() -> None:
    world, _ = world_of()
    world.obey = lambda w, f: w.frame(f'[4,"{f[1]}","NotSupported","no",{{}}]')
    assert sets(world, "energy", 1, "Max") == "NotSupported"
    assert world.database.identifiers["profile", "1000000", 2].closed is not None
