"""Meter values as chargers of three versions write them, and as no charger should."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.meter_values import READERS, measured

AT = datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
WHEN = "2024-05-17T10:30:00Z"


def v16(*samples: dict[str, Any], **more: Any) -> str:
    values = [{"timestamp": WHEN, "sampledValue": list(samples)}]
    return json.dumps({"connectorId": 2, "transactionId": 17, "meterValue": values, **more})


def figures(*samples: dict[str, Any]) -> dict[str, float]:
    found = measured("MeterValues", v16(*samples))
    return found[0].figures if found else {}


def sample(value: Any, measurand: str, unit: str | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, **({"unit": unit} if unit else {}), **more}


POWER, CURRENT, VOLTAGE = "Power.Active.Import", "Current.Import", "Voltage"
REGISTER = "Energy.Active.Import.Register"

SAMPLES: dict[str, tuple[list[dict[str, Any]], dict[str, float]]] = {
    "energy is what names nothing": ([{"value": "1234"}], {"energy_wh": 1234}),
    "kWh": ([sample("12.5", REGISTER, "kWh")], {"energy_wh": 12500}),
    "kW": ([sample("7.4", POWER, "kW")], {"power_w": 7400}),
    "a unit in odd letters": ([sample("7.4", POWER, "KW")], {"power_w": 7400}),
    "a number as a number": ([sample(7400, POWER, "W")], {"power_w": 7400}),
    "power without a unit is in W": ([sample("7400", POWER)], {"power_w": 7400}),
    "power of phases": (
        [sample("1000", POWER, "W", phase=f"L{n}") for n in (1, 2, 3)],
        {"power_w": 3000},
    ),
    "a total beside phases": (
        [sample("3100", POWER, "W"), sample("1000", POWER, "W", phase="L1")],
        {"power_w": 3100},
    ),
    "what flows back": ([sample("500", "Power.Active.Export", "W")], {"power_w": -500}),
    "power by voltage and current of phases": (
        [
            *(sample("230", VOLTAGE, "V", phase=f"L{n}-N") for n in (1, 2)),
            *(sample("10", CURRENT, "A", phase=f"L{n}") for n in (1, 2)),
        ],
        {
            "power_w": 4600,
            "current_l1_a": 10,
            "current_l2_a": 10,
            "voltage_l1_v": 230,
            "voltage_l2_v": 230,
        },
    ),
    "power by one voltage for all phases": (
        [sample("230", VOLTAGE, "V"), *(sample("16", CURRENT, "A", phase=f"L{n}") for n in (1, 2, 3))],
        {
            "power_w": 11040,
            **{f"current_l{n}_a": 16 for n in (1, 2, 3)},
            "voltage_l1_v": 230,
        },
    ),
    "no power where a voltage is missing": (
        [sample("230", VOLTAGE, phase="L1"), *(sample("16", CURRENT, phase=p) for p in ("L1", "L2"))],
        {"current_l1_a": 16, "current_l2_a": 16, "voltage_l1_v": 230},
    ),
    "voltage between phases is none of a phase": ([sample("400", VOLTAGE, "V", phase="L1-L2")], {}),
    "current of the neutral": ([sample("3", CURRENT, "A", phase="N")], {}),
    "the car's state of charge": (
        [sample("63", "SoC", "Percent", location="EV", context="Transaction.Begin")],
        {"soc_percent": 63},
    ),
    "what is offered": (
        [sample("32", "Current.Offered", "A"), sample("22", "Power.Offered", "kW")],
        {"current_offered_a": 32, "power_offered_w": 22000},
    ),
    "the meter of the grid": ([sample("9000", POWER, "W", location="Inlet")], {}),
    "the outlet by name": ([sample("9000", POWER, "W", location="Outlet")], {"power_w": 9000}),
    "signed values": ([sample("T1JJR4Y...", REGISTER, format="SignedData")], {}),
    "another unit": ([sample("7", POWER, "kvar")], {}),
    "a unit of something else": ([sample("7", POWER, "kWh")], {}),
    "another measurand": ([sample("50", "Frequency")], {}),
    "NaN": ([sample("NaN", POWER)], {}),
    "infinite": ([sample("1e999", POWER)], {}),
    "a comma": ([sample("7,4", POWER, "kW")], {}),
    "nothing": ([sample("", POWER)], {}),
    "true": ([sample(True, POWER)], {}),
    "null": ([sample(None, POWER)], {}),
    "more than there is in a car": ([sample("101", "SoC")], {}),
    "a register below zero": ([sample("-5", REGISTER)], {}),
    "no sample at all": ([], {}),
}


@pytest.mark.parametrize(("samples", "expected"), SAMPLES.values(), ids=SAMPLES)
def test_samples_become_figures(samples: list[dict[str, Any]], expected: dict[str, float]) -> None:
    assert figures(*samples) == pytest.approx(expected)


MULTIPLIED = {
    "kWh by a multiplier": ({"unit": "Wh", "multiplier": 3}, 12_500),
    "a multiplier and a prefix": ({"unit": "kWh", "multiplier": -1}, 1_250),
    "no unit": ({}, 12.5),
    "an impossible multiplier": ({"unit": "Wh", "multiplier": 400}, None),
    "a multiplier as text": ({"unit": "Wh", "multiplier": "3"}, 12_500),
}


@pytest.mark.parametrize(("unit", "expected"), MULTIPLIED.values(), ids=MULTIPLIED)
def test_2x_has_units_with_multipliers(unit: dict[str, Any], expected: float | None) -> None:
    values = [{"timestamp": WHEN, "sampledValue": [{"value": 12.5, "unitOfMeasure": unit}]}]
    found = measured("MeterValues", json.dumps({"evseId": 1, "meterValue": values}))
    assert [one.figures.get("energy_wh") for one in found] == ([] if expected is None else [expected])


MESSAGES: dict[str, tuple[str, dict[str, Any], list[tuple[Any, ...]]]] = {
    "1.6 MeterValues": (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{"timestamp": WHEN, "sampledValue": [{"value": "7"}]}]},
        [(AT, 0, 1, {"energy_wh": 7})],
    ),
    "1.6 main meter": (
        "MeterValues",
        {"connectorId": 0, "meterValue": [{"timestamp": WHEN, "sampledValue": [{"value": "7"}]}]},
        [(AT, 0, 0, {"energy_wh": 7})],
    ),
    "1.6 start": (
        "StartTransaction",
        {"connectorId": 2, "idTag": "CARD", "meterStart": 100, "timestamp": WHEN},
        [(AT, 0, 2, {"energy_wh": 100})],
    ),
    "1.6 stop with data": (
        "StopTransaction",
        {
            "transactionId": 3,
            "meterStop": 900,
            "timestamp": WHEN,
            "transactionData": [
                {"timestamp": "2024-05-17T10:15:00Z", "sampledValue": [{"value": "0.8", "unit": "kWh"}]}
            ],
        },
        [
            (AT.replace(minute=15), 0, None, {"energy_wh": 800}),
            (AT, 0, None, {"energy_wh": 900, "power_w": 0}),
        ],
    ),
    "2.0.1 MeterValues": (
        "MeterValues",
        {"evseId": 2, "meterValue": [{"timestamp": WHEN, "sampledValue": [{"value": 7.5}]}]},
        [(AT, 2, 0, {"energy_wh": 7.5})],
    ),
    "2.0.1 TransactionEvent": (
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": "2024-05-17T11:00:00Z",
            "triggerReason": "MeterValuePeriodic",
            "seqNo": 4,
            "transactionInfo": {"transactionId": "t-1"},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [
                {
                    "timestamp": WHEN,
                    "sampledValue": [
                        {
                            "value": 3.6,
                            "measurand": POWER,
                            "unitOfMeasure": {"unit": "W", "multiplier": 3},
                        },
                        {
                            "value": 1000.0,
                            "signedMeterValue": {"signedMeterData": "x", "encodingMethod": "OCMF"},
                        },
                    ],
                }
            ],
        },
        [(AT, 1, 0, {"power_w": 3600, "energy_wh": 1000})],
    ),
    "2.1 event without EVSE": (
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": WHEN,
            "meterValue": [{"timestamp": WHEN, "sampledValue": [{"value": 11, "measurand": "SoC"}]}],
        },
        [(AT, None, 0, {"soc_percent": 11})],
    ),
    "2.1 the end": (
        "TransactionEvent",
        {"eventType": "Ended", "timestamp": WHEN, "evse": {"id": 1}},
        [(AT, 1, 0, {"power_w": 0})],
    ),
    "no timestamp": (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "7"}]}]},
        [(None, 0, 1, {"energy_wh": 7})],
    ),
    "another action": ("Heartbeat", {}, []),
}


@pytest.mark.parametrize(("action", "payload", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_messages_say_when_where_and_what(
    action: str, payload: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    found = measured(action, json.dumps(payload))
    assert [(one.at, one.evse_id, one.connector_id, one.figures) for one in found] == expected


ODD = ["", "null", "[]", "7", "{", '{"meterValue":7}', '{"meterValue":[7,{"sampledValue":{}}]}', "\ud800"]


@pytest.mark.parametrize("payload", ODD, ids=ascii)
@pytest.mark.parametrize("action", READERS)
def test_what_cannot_be_read_says_nothing(action: str, payload: str) -> None:
    assert [one.figures for one in measured(action, payload)] in ([], [{"power_w": 0.0}])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SAMPLE = st.fixed_dictionaries(
    {},
    optional={
        "value": JSON | st.floats(allow_nan=False).map(str),
        "measurand": JSON | st.sampled_from([POWER, CURRENT, VOLTAGE, REGISTER, "SoC"]),
        "phase": JSON | st.sampled_from(["L1", "L2", "L1-N", "N"]),
        "unit": JSON | st.sampled_from(["kW", "Wh", "A", "V"]),
        "unitOfMeasure": JSON | st.fixed_dictionaries({"unit": JSON, "multiplier": JSON}),
        "location": JSON,
        "format": JSON,
    },
)
VALUES = st.lists(JSON | st.fixed_dictionaries({"timestamp": JSON, "sampledValue": st.lists(SAMPLE | JSON)}))
PAYLOAD = st.fixed_dictionaries(
    {"meterValue": VALUES | JSON},
    optional={"evseId": JSON, "connectorId": JSON, "evse": JSON, "timestamp": JSON, "eventType": JSON}
    | {"transactionData": VALUES | JSON, "meterStart": JSON, "meterStop": JSON},
)


@given(action=st.sampled_from(sorted(READERS)), payload=PAYLOAD)
def test_whatever_a_charger_writes_nothing_raises_and_all_is_finite(action: str, payload: Any) -> None:
    for one in measured(action, json.dumps(payload)):
        assert one.figures
        assert all(math.isfinite(value) for value in one.figures.values())
        assert all(place is None or abs(place) < 2**31 for place in (one.evse_id, one.connector_id))
