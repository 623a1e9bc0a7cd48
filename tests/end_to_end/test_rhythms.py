"""Two backoffices want meter values at rhythms of their own (issue 3, acceptance)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import SimulatedCharger
from simulators.charger.state import Transaction
from simulators.times import to_text
from tests.end_to_end.conftest import VERSIONS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

VALUES = 19
"""Meter values of three minutes, 10 s apart."""


def interval(version: str) -> str:
    """What the interval of sampled values is called."""
    return "MeterValueSampleInterval" if version == "1.6" else "SampledDataCtrlr.TxUpdatedInterval"


def named(version: str) -> dict[str, Any]:
    """The variable of that interval."""
    component, _, variable = interval(version).partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


async def wants(backoffice: SimulatedBackoffice, identity: str, version: str, seconds: str) -> str:
    """Set the interval; returns the status."""
    if version == "1.6":
        asked = {"key": interval(version), "value": seconds}
        return str((await backoffice.call(identity, "ChangeConfiguration", asked)).payload["status"])
    data = {"setVariableData": [{"attributeValue": seconds, **named(version)}]}
    answer = await backoffice.call(identity, "SetVariables", data)
    return str(answer.payload["setVariableResult"][0]["attributeStatus"])


async def reads(backoffice: SimulatedBackoffice, identity: str, version: str) -> str:
    """What a backoffice reads of the interval."""
    if version == "1.6":
        answer = await backoffice.call(identity, "GetConfiguration", {"key": [interval(version)]})
        return str(answer.payload["configurationKey"][0]["value"])
    answer = await backoffice.call(identity, "GetVariables", {"getVariableData": [named(version)]})
    return str(answer.payload["getVariableResult"][0]["attributeValue"])


async def send_values(charger: SimulatedCharger, version: str, begin: datetime, running: Transaction) -> None:
    """Three minutes of meter values at the interval that the charger was told, in no time."""
    for number in range(VALUES):
        at = to_text(begin + timedelta(seconds=10 * number))
        value: Any = str(number) if version == "1.6" else number
        payload: dict[str, Any] = {"meterValue": [{"timestamp": at, "sampledValue": [{"value": value}]}]}
        if version == "1.6":
            action, payload = (
                "MeterValues",
                {"connectorId": 1, "transactionId": running.transaction_id, **payload},
            )
        else:
            action = "TransactionEvent"
            head = {"eventType": "Updated", "triggerReason": "MeterValuePeriodic", "timestamp": at}
            info = {"transactionInfo": {"transactionId": running.transaction_id}}
            payload = {**head, "seqNo": running.seq_no, **info, **payload}
            running.seq_no += 1
        await charger.call_exact(action, payload)


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_gets_its_own_rhythm_and_reads_its_own_interval(site: Site, version: str) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version)
    assert await wants(energy, identity, version, "120") == "Accepted"
    assert charger.configuration.text(interval(version)) == "15"  # Billing had that, and has said nothing
    assert await wants(billing, identity, version, "60") == "Accepted"
    assert await wants(energy, identity, version, "10") == "Accepted"
    assert charger.configuration.text(interval(version)) == "10"
    assert [await reads(one, identity, version) for one in (billing, energy)] == ["60", "10"]

    await charger.start(1, "CARD-1")
    running = charger.connector(1).transaction
    assert running is not None
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    await send_values(charger, version, begin, running)
    await charger.stop(1)
    for backoffice, step in ((billing, 60), (energy, 10)):
        session = await backoffice.wait_session(identity)
        found = [value["timestamp"] for payload in session.meter_values for value in payload["meterValue"]]
        assert found == [to_text(begin + timedelta(seconds=second)) for second in range(0, 190, step)]
        assert backoffice.problems(identity) == []
