"""The OCPP 1.6 frames that chargers and backoffices of the benchmark exchange, as bytes.

A charger numbers its MeterValues in the meter register (1, 2, 3, ... Wh), so that a backoffice can
tell what was lost or came twice, and which transaction it was for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

BOOT: Final = json.dumps(
    {
        "chargePointVendor": "Benchmark",
        "chargePointModel": "Load 1",
        "chargePointSerialNumber": "0001",
        "firmwareVersion": "1.0",
    }
).encode()
STATUS: Final = (
    b'{"connectorId":1,"errorCode":"NoError","status":"Charging","timestamp":"2026-01-01T00:00:00Z"}'
)
START: Final = b'{"connectorId":1,"idTag":"CARD-%d","meterStart":%d,"timestamp":"2026-01-01T00:00:00Z"}'
STOP: Final = b'{"transactionId":%d,"idTag":"CARD-%d","meterStop":%d,"timestamp":"2026-01-01T01:00:00Z"}'

METER_SIZE: Final = 2900
"""Bytes of a MeterValues payload, with small numbers in it."""

_HEAD: Final = (
    b'{"connectorId":1,"transactionId":%d,'
    b'"meterValue":[{"timestamp":"2026-01-01T00:10:00.000Z","sampledValue":['
)
_REGISTER: Final = (
    b'{"value":"%d","context":"Sample.Periodic","format":"Raw","measurand":"Energy.Active.Import.Register",'
    b'"location":"Outlet","unit":"Wh"}'
)


def _samples() -> Iterator[dict[str, Any]]:
    """What a talkative three-phase charger samples."""
    quantities = (
        ("Voltage", "V", "230.4"), ("Current.Import", "A", "15.92"), ("Power.Active.Import", "W", "3668.1"),
        ("Power.Reactive.Import", "var", "12.7"), ("Power.Factor", None, "0.99"),
        ("Current.Export", "A", "0.00"), ("Energy.Reactive.Import.Register", "varh", "104.20"),
    )  # fmt: skip
    for measurand, unit, value in quantities:
        for phase in ("L1", "L2", "L3"):
            sample = {"value": value, "context": "Sample.Periodic", "format": "Raw", "measurand": measurand}
            sample |= {"phase": phase, "location": "Outlet"}
            yield sample | ({"unit": unit} if unit else {})
    yield {
        "value": "61",
        "context": "Sample.Periodic",
        "measurand": "SoC",
        "location": "EV",
        "unit": "Percent",
    }
    yield {"value": "31.5", "measurand": "Temperature", "location": "Body", "unit": "Celsius"}


def _tail() -> bytes:
    room = METER_SIZE - len(_HEAD) - len(_REGISTER)
    tail = b""
    for sample in _samples():
        more = tail + b"," + json.dumps(sample, separators=(",", ":")).encode()
        if len(more) + 4 > room:
            break
        tail = more
    return tail + b"]}]}"


METER: Final = _HEAD + _REGISTER + _tail()
"""To be completed with the transaction id and the register."""


def call(message_id: bytes, action: bytes, payload: bytes) -> bytes:
    """A CALL."""
    return b'[2,"%s","%s",%s]' % (message_id, action, payload)


def call_result(message_id: bytes, payload: bytes) -> bytes:
    """A CALLRESULT."""
    return b'[3,"%s",%s]' % (message_id, payload)


CALL: Final = re.compile(rb'\[\s*2\s*,\s*"([^"]*)"\s*,\s*"(\w*)"\s*,')
TRANSACTION: Final = re.compile(rb'"transactionId"\s*:\s*(-?\d+)')
REGISTER: Final = re.compile(rb'"value"\s*:\s*"(\d+)"')
"""The first value of a MeterValues: the register."""
METER_STOP: Final = re.compile(rb'"meterStop"\s*:\s*(\d+)')
