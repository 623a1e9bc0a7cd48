"""Rows of the log as sessions write them, for those who follow it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from routing.models import LogReader, Message
from routing.models.traffic import number_at
from routing.readings.following import Follower

_NUMBERS = count(1)


def now() -> datetime:
    return timezone.now().replace(microsecond=0)


def wire(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def log(action: str, payload: Any = None, *, at: datetime | None = None, **values: Any) -> Message:
    """A CALL on a charger's socket with its answer. ``answer``: the payload of that."""
    at = at or timezone.now()
    number = next(_NUMBERS)
    text = "" if payload is None else json.dumps([2, f"m{number}", action, payload])
    answer = json.dumps([3, f"m{number}", values.pop("answer", {})])
    exchange = values.pop("exchange", number_at(at) + number % 1000)
    given = {"charger_id": 1, "direction": "up", "outcome": "answered", "latency_ms": 1.0} | values
    return Message.objects.create(
        at=at, exchange=exchange, action=action, message_id=f"m{number}", text=text, answer=answer, **given
    )


def meter_values(wh: float, *, at: datetime | None = None, connector: int = 1, **values: Any) -> Message:
    """MeterValues of 1.6: a register, and what ``said`` says beside it (measurand to value)."""
    at = at or now()
    said, came = values.pop("said", {}), values.pop("came", at)
    samples = [{"value": str(wh), "unit": "Wh"}]
    samples += [{"measurand": measurand, "value": value} for measurand, value in said.items()]
    stamp = {"timestamp": values.pop("timestamp", wire(at)), "sampledValue": samples}
    payload = {"connectorId": connector, "meterValue": [stamp]}
    return log("MeterValues", payload, at=came, connector_id=connector, **values)


def always() -> bool:
    return True


def read(follower: Follower | None = None) -> int | None:
    """A pass, without waiting for the rest after the last one."""
    ready()
    return (follower or Follower()).run(always)


def ready() -> None:
    LogReader.objects.update(until=timezone.now() - timedelta(seconds=1))
