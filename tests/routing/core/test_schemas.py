"""The judge of the stateful tests judges."""

from __future__ import annotations

import pytest

from tests.routing.core.schemas import judge

STREAM = '{"id":1,"pending":0,"basetime":"t","data":[{"t":0,"v":"1"}]}'


@pytest.mark.parametrize(
    ("version", "text", "action"),
    [
        ("1.6", '[2,"1","Heartbeat",{}]', ""),
        ("1.6", '[3,"1",{"currentTime":"t"}]', "Heartbeat"),
        ("2.0.1", '[2,"1","NotifyReport",{"requestId":1,"generatedAt":"t","seqNo":0}]', ""),
        ("2.1", f'[6,"1","NotifyPeriodicEventStream",{STREAM}]', ""),
        ("1.6", '[4,"1","GenericError","",{}]', "Reset"),
    ],
    ids=["call", "answer", "2.x", "send", "error"],
)  # fmt: skip
def test_right_frames_pass(version: str, text: str, action: str) -> None:
    judge(version, text, action)


@pytest.mark.parametrize(
    ("version", "text", "action"),
    [
        ("1.6", '[2,"1","Heartbeat",{"more":1}]', ""),
        ("1.6", '[3,"1",{}]', "Heartbeat"),
        ("1.6", '[2,"1","NotifyReport",{}]', ""),
        ("2.0.1", '[2,"1","NotifyReport",{"requestId":"1","generatedAt":"t","seqNo":0}]', ""),
        ("1.6", '[4,"1","GenericError","",""]', ""),
    ],
    ids=["extra member", "missing member", "unknown action", "wrong type", "details"],
)
def test_wrong_frames_do_not(version: str, text: str, action: str) -> None:
    with pytest.raises(AssertionError):
        judge(version, text, action)


@pytest.mark.parametrize("limit", ["21.4", "0.1", "16", "0"])
def test_tenths_are_tenths(limit: str) -> None:
    period = f'{{"startPeriod":0,"limit":{limit}}}'
    schedule = f'{{"chargingRateUnit":"A","chargingSchedulePeriod":[{period}]}}'
    profile = (
        '{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile",'
        f'"chargingProfileKind":"Absolute","chargingSchedule":{schedule}}}'
    )
    judge("1.6", f'[2,"1","SetChargingProfile",{{"connectorId":1,"csChargingProfiles":{profile}}}]')
