"""Two backoffices that use the whole protocol on one charger, with the same numbers, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import SimulatedCharger
from tests.end_to_end.conftest import VERSIONS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHTS = {"SendLocalList": "allow", "SetChargingProfile": "allow"}


async def two(site: Site, version: str) -> tuple[SimulatedCharger, str]:
    """A charger with Billing and a control route that may do all that this is about."""
    for name in ("billing", "energy"):
        await site.backoffice(name)
    identity = site.identity()
    charger_options = {"options": {"local_list": "merged"}}
    await site.configure(identity, charger=charger_options, routes={"energy": {"permissions": RIGHTS}})
    return await site.booted(identity, version), identity


async def both(site: Site, identity: str, action: str, payloads: dict[str, Any]) -> dict[str, Any]:
    """Both ask at once; what each is answered."""
    answers = await asyncio.gather(
        *(site.backoffices[name].call(identity, action, payload) for name, payload in payloads.items())
    )
    return {name: answer.payload for name, answer in zip(payloads, answers, strict=True)}


def reports(backoffice: SimulatedBackoffice, identity: str, action: str) -> list[Any]:
    """The payloads of one kind of report that a backoffice has got."""
    return [entry.payload for entry in backoffice.record(identity).calls(action)]


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_base_reports_with_one_number(site: Site, version: str) -> None:
    _, identity = await two(site, version)
    wish = {"requestId": 1, "reportBase": "FullInventory"}
    answers = await both(site, identity, "GetBaseReport", {"billing": wish, "energy": wish})
    assert {answer["status"] for answer in answers.values()} == {"Accepted"}
    for backoffice in site.backoffices.values():
        count = 1
        while True:
            await backoffice.wait_for(identity, "NotifyReport", count=count)
            got = reports(backoffice, identity, "NotifyReport")
            if not got[-1].get("tbc"):
                break
            count = len(got) + 1
        assert {report["requestId"] for report in got} == {1}
        assert [report["seqNo"] for report in got] == list(range(len(got)))
        assert backoffice.problems(identity) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_profiles_and_lists_with_one_number(site: Site, version: str) -> None:
    charger, identity = await two(site, version)
    answers = await both(site, identity, "SetChargingProfile", profiles(version))
    assert {name: answer["status"] for name, answer in answers.items()} == dict.fromkeys(answers, "Accepted")
    assert len(charger.profiles.installed) == 2
    clear = {"id": 1} if version == "1.6" else {"chargingProfileId": 1}
    cleared = await site.backoffices["energy"].call(identity, "ClearChargingProfile", clear)
    assert cleared.payload["status"] == "Accepted"
    assert [profile.purpose for profile in charger.profiles.installed] == ["TxDefaultProfile"]
    again = await site.backoffices["energy"].call(identity, "ClearChargingProfile", clear)
    assert again.payload["status"] == "Unknown"

    answers = await both(site, identity, "SendLocalList", lists(version))
    assert {answer["status"] for answer in answers.values()} == {"Accepted"}
    versions = await both(site, identity, "GetLocalListVersion", {"billing": {}, "energy": {}})
    member = "listVersion" if version == "1.6" else "versionNumber"
    assert {name: answer[member] for name, answer in versions.items()} == {"billing": 1, "energy": 1}
    for backoffice in site.backoffices.values():
        assert backoffice.problems(identity) == []


def profiles(version: str) -> dict[str, Any]:
    """Profile 1 of Billing for sessions, profile 1 of energy for the station."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}

    def profile(purpose: str, place: int) -> Any:
        common = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Recurring"}
        common |= {"recurrencyKind": "Daily"}
        if version == "1.6":
            whole = {"chargingProfileId": 1, **common, "chargingSchedule": schedule}
            return {"connectorId": place, "csChargingProfiles": whole}
        whole = {"id": 1, **common, "chargingSchedule": [{"id": 1, **schedule}]}
        return {"evseId": place, "chargingProfile": whole}

    station = "ChargePointMaxProfile" if version == "1.6" else "ChargingStationMaxProfile"
    return {"billing": profile("TxDefaultProfile", 1), "energy": profile(station, 0)}


def lists(version: str) -> dict[str, Any]:
    """Version 1 of each one's list."""

    def one(tag: str) -> Any:
        if version == "1.6":
            entry: Any = {"idTag": tag, "idTagInfo": {"status": "Accepted"}}
            return {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
        entry = {"idToken": {"idToken": tag, "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}
        return {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}

    return {"billing": one("B-1"), "energy": one("E-1")}
