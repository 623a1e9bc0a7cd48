"""What the meters of a charger say, in W, Wh, A, V and percent, out of messages of every version.

Chargers differ in how much of it they send and how they write it; what cannot be read, or can't be true,
is left out. Nothing raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from routing.core.payloads import moment

REGISTER = "Energy.Active.Import.Register"
"""Of a sample that names no measurand, in all versions."""

UNITS: Mapping[str, tuple[str, float]] = {
    "w": ("W", 1.0),
    "kw": ("W", 1000.0),
    "wh": ("Wh", 1.0),
    "kwh": ("Wh", 1000.0),
    "a": ("A", 1.0),
    "v": ("V", 1.0),
    "percent": ("%", 1.0),
    "%": ("%", 1.0),
}
"""By the word on the wire, small: what it measures in, and how much of that."""

MEASURANDS: Mapping[str, tuple[str, float, float]] = {
    REGISTER: ("Wh", 0.0, 1e12),
    "Power.Active.Import": ("W", -1e8, 1e8),
    "Power.Active.Export": ("W", -1e8, 1e8),
    "Power.Offered": ("W", 0.0, 1e8),
    "Current.Import": ("A", -1e5, 1e5),
    "Current.Offered": ("A", 0.0, 1e5),
    "Voltage": ("V", 0.0, 1e5),
    "SoC": ("%", 0.0, 100.0),
}
"""Those that are read: their unit, the least and most that can be true."""

OUTLET = frozenset({"", "Outlet"})
PHASES = {"L1": 1, "L1-N": 1, "L2": 2, "L2-N": 2, "L3": 3, "L3-N": 3}
TOTAL = 0
"""In place of a phase. Between two phases, and of the neutral, nothing is read."""

LONGEST_NUMBER = 40
LARGEST_MULTIPLIER = 9

Samples = dict[str, dict[int, float]]
"""By measurand and phase."""


@dataclass(slots=True)
class Measured:
    """What one message says of one meter at one moment.

    ``at``: as the charger says, None where it does not. ``evse_id`` and ``connector_id``: 1.6 has EVSE 0,
    2.x connector 0; None where another message has said it. ``figures``: by the columns of a reading.
    """

    at: datetime | None
    evse_id: int | None
    connector_id: int | None
    figures: dict[str, float] = field(default_factory=dict)


def measured(action: str, payload: str) -> list[Measured]:
    """What a CALL of the charger says of its meters; nothing for actions that say nothing of them."""
    read = READERS.get(action)
    if read is None:
        return []
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    return [one for one in read(found) if one.figures] if isinstance(found, dict) else []


# -- messages ------------------------------------------------------------------------------------------


def _meter_values(payload: dict[str, Any]) -> Iterator[Measured]:
    place = _evse(payload.get("evseId")) if "evseId" in payload else (0, _whole(payload.get("connectorId")))
    yield from _values(payload.get("meterValue"), place)


def _start(payload: dict[str, Any]) -> Iterator[Measured]:
    place = (0, _whole(payload.get("connectorId")))
    yield Measured(_at(payload), *place, _register(payload.get("meterStart")))


def _stop(payload: dict[str, Any]) -> Iterator[Measured]:
    """The connector is that of the session, which the message does not name."""
    yield from _values(payload.get("transactionData"), (0, None))
    figures = _register(payload.get("meterStop"))
    yield Measured(_at(payload), 0, None, figures | {"power_w": 0.0})


def _event(payload: dict[str, Any]) -> Iterator[Measured]:
    evse = payload.get("evse")
    place = _evse(evse.get("id")) if isinstance(evse, dict) else (None, 0)
    yield from _values(payload.get("meterValue"), place)
    if payload.get("eventType") == "Ended":
        yield Measured(_at(payload), *place, {"power_w": 0.0})


READERS: Mapping[str, Callable[[dict[str, Any]], Iterator[Measured]]] = {
    "MeterValues": _meter_values,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "TransactionEvent": _event,
}
"""By action. What has ended takes no power any more, whether the charger says so or not."""


def _evse(value: object) -> tuple[int | None, int]:
    return _whole(value), 0


def _at(payload: dict[str, Any]) -> datetime | None:
    timestamp = payload.get("timestamp")
    return moment(timestamp) if isinstance(timestamp, str) else None


def _register(value: object) -> dict[str, float]:
    wh = _number(value)
    return {"energy_wh": wh} if wh is not None and _is_true(REGISTER, wh) else {}


def _values(values: object, place: tuple[int | None, int | None]) -> Iterator[Measured]:
    for one in values if isinstance(values, list) else []:
        if isinstance(one, dict) and isinstance(samples := one.get("sampledValue"), list):
            yield Measured(_at(one), *place, _figures(_sampled(samples)))


# -- samples -------------------------------------------------------------------------------------------


def _sampled(samples: list[Any]) -> Samples:
    found: Samples = {}
    for sample in samples:
        if isinstance(sample, dict):
            measurand = sample.get("measurand", REGISTER)
            phase = PHASES.get(str(sample["phase"])) if sample.get("phase") else TOTAL
            value = _value(sample, measurand) if isinstance(measurand, str) else None
            if value is not None and phase is not None:
                found.setdefault(measurand, {})[phase] = value
    return found


def _value(sample: dict[str, Any], measurand: str) -> float | None:
    """The value of a sample in the unit of its measurand, None where it is none that we read."""
    if measurand not in MEASURANDS or sample.get("format") == "SignedData":
        return None
    if measurand != "SoC" and str(sample.get("location") or "") not in OUTLET:
        return None  # the state of charge is that of the car, wherever it was asked
    value, scale = _number(sample.get("value")), _scale(sample, MEASURANDS[measurand][0])
    if value is None or scale is None:
        return None
    value *= scale
    return value if _is_true(measurand, value) else None


def _scale(sample: dict[str, Any], wanted: str) -> float | None:
    """How much of the wanted unit one is, None where it is another unit."""
    unit, multiplier = sample.get("unit"), 0
    if isinstance(of_measure := sample.get("unitOfMeasure"), dict):
        unit = of_measure.get("unit")
        multiplier = _whole(of_measure.get("multiplier")) or 0
    if abs(multiplier) > LARGEST_MULTIPLIER:
        return None
    if not isinstance(unit, str) or not unit:
        return 10.0**multiplier
    measures, scale = UNITS.get(unit.strip().lower(), ("", 0.0))
    return scale * 10.0**multiplier if measures == wanted else None


def _is_true(measurand: str, value: float) -> bool:
    _, least, most = MEASURANDS[measurand]
    return least <= value <= most


def _number(value: object) -> float | None:
    """A finite number, also where it was written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > LONGEST_NUMBER or "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and abs(number) < 2**31 else None


# -- figures -------------------------------------------------------------------------------------------


def _figures(samples: Samples) -> dict[str, float]:
    """What a reading has of these samples."""
    current = _per_phase(samples.get("Current.Import", {}))
    voltage = samples.get("Voltage", {})
    found = {
        "power_w": _power(samples),
        "energy_wh": _sum(samples.get(REGISTER, {})),
        **{f"current_l{phase}_a": current.get(phase) for phase in (1, 2, 3)},
        **{f"voltage_l{phase}_v": _per_phase(voltage).get(phase) for phase in (1, 2, 3)},
        "soc_percent": samples.get("SoC", {}).get(TOTAL),
        "current_offered_a": max(samples.get("Current.Offered", {}).values(), default=None),
        "power_offered_w": _sum(samples.get("Power.Offered", {})),
    }
    return {name: value for name, value in found.items() if value is not None}


def _per_phase(of: dict[int, float]) -> dict[int, float]:
    """By phase; what names none is that of the first."""
    return of if TOTAL not in of else {1: of[TOTAL], **of}


def _sum(of: dict[int, float]) -> float | None:
    """The total as it was said, else that of the phases."""
    return of.get(TOTAL, math.fsum(of.values()) if of else None)


def _power(samples: Samples) -> float | None:
    """What flows into the car: as said, what flows out taken off; else by voltage and current."""
    taken, given = (_sum(samples.get(f"Power.Active.{way}", {})) for way in ("Import", "Export"))
    if taken is not None or given is not None:
        return (taken or 0.0) - (given or 0.0)
    voltage, current = samples.get("Voltage", {}), samples.get("Current.Import", {})
    if not voltage or not current:
        return None
    every = voltage.get(TOTAL)
    volts = {phase: voltage.get(phase, every) for phase in current}
    if TOTAL in current and volts[TOTAL] is None:
        volts[TOTAL] = voltage.get(1)
    phases = [phase for phase in current if phase != TOTAL] or [TOTAL]
    products = [volts_of * current[phase] for phase in phases if (volts_of := volts[phase]) is not None]
    return math.fsum(products) if len(products) == len(phases) else None
