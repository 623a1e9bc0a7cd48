"""The checker of sessions finds what does not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.backoffice import Sessions

Message = tuple[str, dict[str, Any], dict[str, Any]]


def start(number: int, connector_id: int = 1, meter: int = 0) -> Message:
    payload = {"connectorId": connector_id, "idTag": f"T{number}", "meterStart": meter, "timestamp": _time(0)}
    return "StartTransaction", payload, {"transactionId": number}


def values(number: int, energy_wh: int, second: int) -> Message:
    sample = {"value": str(energy_wh)}
    reading = {"timestamp": _time(second), "sampledValue": [sample]}
    return "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [reading]}, {}


def stop(number: int, meter: int = 900) -> Message:
    return "StopTransaction", {"transactionId": number, "meterStop": meter, "timestamp": _time(59)}, {}


def event(kind: str, seq_no: int, transaction_id: str = "a") -> Message:
    reading = {"timestamp": _time(seq_no), "sampledValue": [{"value": seq_no}]}
    payload = {
        "eventType": kind,
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id},
        "evse": {"id": 1},
        "meterValue": [reading],
    }
    return "TransactionEvent", payload, {}


def without_values(message: Message) -> Message:
    action, payload, answer = message
    return action, {name: value for name, value in payload.items() if name != "meterValue"}, answer


def _time(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z"


def problems(messages: list[Message]) -> list[str]:
    sessions = Sessions()
    for message in messages:
        sessions.take(*message)
    return [problem.partition(":")[0] for problem in sessions.problems]


@pytest.mark.parametrize(
    "messages",
    [
        [start(1), values(1, 5, 1), values(1, 9, 2), stop(1), start(2), stop(2)],
        [start(1), start(2, connector_id=2), stop(2), stop(1)],
        [("MeterValues", {"connectorId": 0, "meterValue": []}, {})],
        [event("Started", 0), event("Updated", 1), event("Ended", 2)],
        [event("Started", 0), without_values(event("Updated", 1)), event("Updated", 2), event("Ended", 3)],
    ],
    ids=["one after another", "two connectors", "values of no transaction", "2.x", "2.x, one without values"],
)
def test_what_fits_is_no_problem(messages):
    assert problems(messages) == []


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([start(1), start(1)], ["start of transaction 1 came twice"]),
        ([start(1), start(2)], ["2 starts where 1 still runs"]),
        ([values(7, 1, 1)], ["meter values of unknown transaction 7"]),
        ([values(-1, 1, 1)], ["meter values of unknown transaction -1"]),
        ([stop(7)], ["stop of unknown transaction 7"]),
        ([start(1), stop(1), stop(1)], ["stop of transaction 1 came twice"]),
        ([start(1), stop(1), values(1, 1, 1)], ["meter values of transaction 1 after its stop"]),
        ([start(1), values(1, 5, 1), values(1, 5, 1)], ["meter values of transaction 1 came twice"]),
        ([start(1), values(1, 5, 1), values(1, 4, 2)], ["meter of transaction 1 runs backwards"]),
        ([start(1), values(1, 5, 2), values(1, 6, 1)], ["meter values of transaction 1 out of order"]),
        ([start(1, meter=950), stop(1)], ["transaction 1 stops below its start"]),
        ([event("Started", 0), event("Updated", 2)], ["seqNo 2 of transaction a follows 0"]),
        (
            [event("Started", 0), without_values(event("Updated", 1)), event("Ended", 3)],
            ["seqNo 3 of transaction a follows 1"],
        ),
        ([event("Started", 0), event("Started", 0)], ["event 0 of transaction a came twice"]),
        (
            [event("Started", 0), event("Updated", 1), event("Updated", 1)],
            ["event 1 of transaction a came twice"],
        ),
        ([event("Updated", 1)], ["meter values of unknown transaction a"]),
        ([event("Ended", 1)], ["stop of unknown transaction a"]),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_what_does_not_fit_is_said(messages, expected):
    assert problems(messages) == expected
