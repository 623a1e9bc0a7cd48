"""Configuration keys of 1.6 and variables of 2.x, asked over the wire."""

from __future__ import annotations

import pytest

from simulators.charger import Habits, simulated_charger
from tests.simulators.conftest import IDENTITY


@pytest.fixture
async def charger16(backoffice):
    habits = Habits(time_scale=100)
    async with simulated_charger(backoffice.url_of(IDENTITY), "1.6", habits=habits) as charger:
        await charger.boot()
        yield charger


@pytest.fixture(params=["2.0.1", "2.1"])
async def charger2(backoffice, request):
    async with simulated_charger(backoffice.url_of(IDENTITY), request.param) as charger:
        await charger.boot()
        yield charger


def variable(component: str, name: str, **more: str) -> dict[str, object]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("WebSocketPingInterval", "10", "RebootRequired"),
        ("Colour", "red", "NotSupported"),
    ],
)
async def test_change_configuration(charger16, backoffice, key, value, status):
    answer = await backoffice.call(IDENTITY, "ChangeConfiguration", {"key": key, "value": value})
    assert answer.payload == {"status": status}
    assert (charger16.configuration.text(key) == value) == (status in ("Accepted", "RebootRequired"))


async def test_get_configuration(charger16, backoffice):
    keys = ["HeartbeatInterval", "AuthorizationKey", "Colour"]
    answer = await backoffice.call(IDENTITY, "GetConfiguration", {"key": keys})
    assert answer.payload["unknownKey"] == ["Colour"]
    known = {entry["key"]: entry.get("value") for entry in answer.payload["configurationKey"]}
    assert known == {"AuthorizationKey": None, "HeartbeatInterval": "300"}
    everything = await backoffice.call(IDENTITY, "GetConfiguration", {})
    assert len(everything.payload["configurationKey"]) > 20
    assert backoffice.problems(IDENTITY) == []


async def test_heartbeat_interval_counts_at_once(charger16, backoffice):
    await backoffice.call(IDENTITY, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"})
    await backoffice.wait_for(IDENTITY, "Heartbeat")


async def test_diagnostics_are_reported_until_uploaded(charger16, backoffice):
    answer = await backoffice.call(IDENTITY, "GetDiagnostics", {"location": "ftp://example.test/"})
    assert answer.payload["fileName"]
    last = await backoffice.wait_for(IDENTITY, "DiagnosticsStatusNotification", count=2)
    assert last.payload == {"status": "Uploaded"}


async def test_set_and_get_variables(charger2, backoffice):
    data = [
        variable("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="30"),
        variable("ChargingStation", "Model", attributeValue="x"),
        variable("SampledDataCtrlr", "Colour", attributeValue="x"),
        variable("Coffee", "Strength", attributeValue="x"),
    ]
    answer = await backoffice.call(IDENTITY, "SetVariables", {"setVariableData": data})
    statuses = [result["attributeStatus"] for result in answer.payload["setVariableResult"]]
    assert statuses == ["Accepted", "Rejected", "UnknownVariable", "UnknownComponent"]

    data = [variable("SampledDataCtrlr", "TxUpdatedInterval"), variable("SecurityCtrlr", "BasicAuthPassword")]
    answer = await backoffice.call(IDENTITY, "GetVariables", {"getVariableData": data})
    results = [(r["attributeStatus"], r.get("attributeValue")) for r in answer.payload["getVariableResult"]]
    assert results == [("Accepted", "30"), ("Rejected", None)]
    assert backoffice.problems(IDENTITY) == []


async def test_base_report_comes_in_parts(charger2, backoffice):
    answer = await backoffice.call(
        IDENTITY, "GetBaseReport", {"requestId": 12, "reportBase": "FullInventory"}
    )
    assert answer.payload == {"status": "Accepted"}
    await backoffice.wait_for(IDENTITY, "NotifyReport", where=lambda payload: not payload["tbc"])
    parts = [call.payload for call in backoffice.record(IDENTITY).calls("NotifyReport")]
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert len(parts) > 1
    assert {part["requestId"] for part in parts} == {12}
    assert backoffice.problems(IDENTITY) == []


async def test_transaction_status_tells_of_running_sessions(charger2, backoffice):
    transaction = await charger2.start(1, "TAG-1")
    answer = await backoffice.call(
        IDENTITY, "GetTransactionStatus", {"transactionId": transaction.transaction_id}
    )
    assert answer.payload == {"ongoingIndicator": True, "messagesInQueue": False}
